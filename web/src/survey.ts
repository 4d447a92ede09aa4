/** What the reader's answers say of the map: the estimate, its ground, regions, and what to read. */

import type { Answers } from "./answers";
import { ENOUGH, learningGains, knownShare, nextQuestion, type Mode } from "./choice";
import { Ground, type Field } from "./field";
import { Knowledge, sizesOf } from "./knowledge";
import type { Box, MapInfo, Points, Question } from "./payload";
import type { Regions } from "./regions";
import { formatPercent, say } from "./words";

/** With this chance the truth lies in an interval of this many standard deviations on either side. */
export const INTERVAL = 0.8;
const DEVIATIONS = 1.2816;
/** What is known that well is not worth reading up on. */
const WELL_KNOWN = 0.75;

export interface Share {
  mean: number;
  low: number;
  high: number;
}

export interface RegionShare extends Share {
  label: string;
}

export interface Reading {
  article: number;
  /** By how much the expected mean of the map grows, as a share. */
  gain: number;
  why: "missed" | "unknown" | "unasked";
}

export class Survey {
  private readonly ground: Ground;
  private readonly regions: { label: string; weights: Float64Array }[];
  private current: Knowledge;

  constructor(
    private readonly model: NonNullable<MapInfo["knowledge"]>,
    regions: Regions,
    points: Points,
    box: Box,
    private readonly questions: readonly Question[],
    private readonly answers: Answers,
  ) {
    const nodes = sizesOf(model.tree).reduce((sum, size) => sum + size, 0);
    const nothing = this.estimate([]);
    // Which answers they are does not change the standard deviations.
    const everything = this.estimate(questions.map((_, question) => ({ question, right: true })));
    this.ground = new Ground(points, box, nodes, {
      nothing: nothing.sd().reduce((most, sd) => Math.max(most, sd), 0),
      everything: everything.sd().reduce((least, sd) => Math.min(least, sd), 1),
    });
    this.regions = (regions.levels[0] ?? []).map((region, number) => ({
      label: region.label,
      weights: this.ground.weightsOf((article) => regions.of(article, 0) === number),
    }));
    this.current = nothing;
    this.update();
  }

  /** Take note of the answers as they are now. */
  update(): void {
    this.current = this.estimate(this.answers.responses());
  }

  field(): Field {
    return this.ground.field(this.current);
  }

  /** Every article's mean and standard deviation. */
  articles(): { mean: Float32Array; sd: Float32Array } {
    return this.ground.articles(this.current);
  }

  /** The question to ask next; with `all`, also when the map is known well enough. */
  next(mode: Mode, skipped: ReadonlySet<Question>, all: boolean): Question | null {
    const later = new Set([...skipped].map((question) => this.questions.indexOf(question)));
    const number = nextQuestion(this.current, this.ground.weights, mode, all ? Infinity : ENOUGH, later);
    return number === null ? null : (this.questions[number] ?? null);
  }

  /** Which share of what all the questions can tell is known. */
  told(): number {
    return knownShare(this.current, this.ground.weights);
  }

  whole(): Share {
    return interval(this.current.average(this.ground.weights));
  }

  /** The coarsest regions, the best known first. */
  byRegion(): RegionShare[] {
    return this.regions
      .map(({ label, weights }) => ({ label, ...interval(this.current.average(weights)) }))
      .sort((a, b) => b.mean - a.mean);
  }

  /** The whole, the ends of what is known and what to read, in words. */
  summary(): [heading: string, line: string][] {
    const regions = this.byRegion();
    const [best, least] = [regions[0], regions[regions.length - 1]];
    const said = (one: RegionShare): string => say("survey.region", { name: one.label, share: formatPercent(one.mean) });
    return [
      [say("survey.known"), say("survey.about", { share: formatPercent(this.whole().mean) })],
      ...(best && least && best !== least
        ? ([[say("survey.best"), said(best)], [say("survey.least"), said(least)]] as [string, string][])
        : []),
    ];
  }

  /** The articles whose reading is expected to gain most, no two for the same place. */
  toRead(count: number): Reading[] {
    const gains = learningGains(this.current, this.ground.weights);
    const { mean } = this.articles();
    const order = this.questions.map((_, number) => number).sort((a, b) => (gains[b] ?? 0) - (gains[a] ?? 0));
    const readings: Reading[] = [];
    const taken = new Set<number>();
    for (const number of order) {
      const question = this.questions[number];
      const article = question?.source ?? question?.near[0];
      if (!question || article === undefined || (mean[article] ?? 0) > WELL_KNOWN) continue;
      if (taken.has(article) || this.answers.of(question)?.right) continue;
      for (const near of [article, ...question.near]) taken.add(near);
      readings.push({ article, gain: gains[number] ?? 0, why: this.why(question) });
      if (readings.length === count) break;
    }
    return readings;
  }

  private why(question: Question): Reading["why"] {
    const answer = this.answers.of(question);
    if (!answer) return "unasked";
    return answer.choice === null ? "unknown" : "missed";
  }

  private estimate(responses: ReturnType<Answers["responses"]>): Knowledge {
    const items = this.questions.map(({ item }) => item);
    return new Knowledge(this.model.tree, responses, items, this.model.prior);
  }
}

/** The interval around a mean in which the truth lies with a chance of INTERVAL. */
export function interval({ mean, sd }: { mean: number; sd: number }): Share {
  return { mean, low: Math.max(mean - DEVIATIONS * sd, 0), high: Math.min(mean + DEVIATIONS * sd, 1) };
}
