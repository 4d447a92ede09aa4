/** Which question comes next, and what to learn: `quiz/select.py`, number for number. */

import { add, Knowledge, knownAt, outer, rightAt, split, type Response } from "./knowledge";
import { COUNT, dot, times } from "./walk";

export const MODES = ["balanced", "easy", "challenge", "weak spots"] as const;
export type Mode = (typeof MODES)[number];

/** Enough is known when this share of what all the questions could tell is known. */
export const ENOUGH = 0.9;
/** The share of the open questions among which the easy and the challenging ones are looked for. */
const END = 1 / 3;
const LEAST = 1e-12;

/** How a question's answer is tied to the nodes above it, a step up the tree at a time. */
interface Step {
  level: number;
  /** By question its node below the step and above it. */
  node: number[];
  above: number[];
  /** By question COUNT values, whose sum with a function of the value above is their covariance. */
  away: Float64Array;
}

/** By how much each question's answer is expected to lower the variance of the nodes, summed by `weights`. */
export function expectedGains(knowledge: Knowledge, weights: Float64Array): Float64Array {
  const rights = knowledge.items.map(rightAt);
  const levels = split(weights, knowledge.sizes);
  const readings = knowledge.readings();
  const { chances, away } = leaves(knowledge, rights);
  // The readings that count, each as a function of the value at the node of this level that it hangs under.
  let seen = weighted(levels[0], readings[0]);
  const gains = new Float64Array(chances.length);
  for (const { node, weight, values } of seen) add(gains, node, weight * dot(away, node * COUNT, values, 0) ** 2);
  for (const step of upward(knowledge, rights)) {
    const parents = knowledge.tree.parents[step.level] ?? [];
    const sent = moments(knowledge.sizes[step.level] ?? 0);
    const given = new Map<number, Float64Array>();
    seen = seen.map(({ node, weight, values }) => {
      let matrix = given.get(node);
      if (!matrix) given.set(node, (matrix = knowledge.givenParent(step.level, node)));
      const pushed = { node, weight, values: times(matrix, values) };
      collect(sent, pushed);
      return { ...pushed, node: parents[node] ?? 0 };
    });
    const own = weighted(levels[step.level + 1], readings[step.level + 1]);
    const all = moments(knowledge.sizes[step.level + 1] ?? 0);
    parents.forEach((parent, node) => merge(all, parent, sent[node]));
    for (const one of own) collect(all, one);
    seen.push(...own);
    gains.forEach((_, question) => {
      const [whole, part] = [all[step.above[question] ?? 0], sent[step.node[question] ?? 0]];
      add(gains, question, quadratic(step.away, question, whole) - quadratic(step.away, question, part));
    });
  }
  return gains.map((gain, question) => {
    const chance = chances[question] ?? 0;
    return Math.max(gain, 0) / Math.max(chance * (1 - chance), LEAST);
  });
}

/** By how much the expected mean of the nodes gains, summed by `weights`, when the reader gets to know each answer. */
export function learningGains(knowledge: Knowledge, weights: Float64Array): Float64Array {
  const knowns = knowledge.items.map(knownAt);
  const levels = split(weights, knowledge.sizes);
  const readings = knowledge.readings();
  const { chances, away } = leaves(knowledge, knowns);
  let sums = outer(levels[0], readings[0]);
  const gains = Float64Array.from(chances, (_, question) => dot(away, question * COUNT, sums, question * COUNT));
  for (const { level, node, above, away: tied } of upward(knowledge, knowns)) {
    const sent = new Float64Array(sums.length);
    const next = outer(levels[level + 1], readings[level + 1]);
    (knowledge.tree.parents[level] ?? []).forEach((parent, child) => {
      const pushed = times(knowledge.givenParent(level, child), sums, child * COUNT);
      sent.set(pushed, child * COUNT);
      for (let i = 0; i < COUNT; i++) add(next, parent * COUNT + i, pushed[i] ?? 0);
    });
    sums = next;
    gains.forEach((_, question) => {
      const whole = dot(tied, question * COUNT, sums, (above[question] ?? 0) * COUNT);
      add(gains, question, whole - dot(tied, question * COUNT, sent, (node[question] ?? 0) * COUNT));
    });
  }
  return gains.map((gain, question) => Math.max(gain, 0) / Math.max(chances[question] ?? 0, LEAST));
}

/** Which share of what all the questions can tell of the nodes is known, from 0 to 1. */
export function knownShare(knowledge: Knowledge, weights: Float64Array): number {
  const { tree, items, prior, responses } = knowledge;
  const left = (given: readonly Response[]): number => variance(new Knowledge(tree, given, items, prior), weights);
  const asked = new Set(responses.map(({ question }) => question));
  const rest = items.flatMap((_, question) => (asked.has(question) ? [] : [{ question, right: true }]));
  const [nothing, everything] = [left([]), left([...responses, ...rest])];
  return nothing - everything < LEAST ? 1 : (nothing - variance(knowledge, weights)) / (nothing - everything);
}

/**
 * The question to ask next, or null when all were asked or the share `enough` is known.
 *
 * Those that were skipped come when no other is left.
 */
export function nextQuestion(
  knowledge: Knowledge,
  weights: Float64Array,
  mode: Mode = "balanced",
  enough = ENOUGH,
  skipped: ReadonlySet<number> = new Set(),
): number | null {
  const asked = new Set(knowledge.responses.map(({ question }) => question));
  const left = knowledge.items.map((_, question) => question).filter((question) => !asked.has(question));
  const fresh = left.filter((question) => !skipped.has(question));
  let open = fresh.length > 0 ? fresh : left;
  if (open.length === 0 || knownShare(knowledge, weights) >= enough) return null;
  if (mode === "easy" || mode === "challenge") {
    const sign = mode === "easy" ? -1 : 1;
    const chances = new Map(open.map((question) => [question, sign * knowledge.predict(question)]));
    const order = [...open].sort((a, b) => (chances.get(a) ?? 0) - (chances.get(b) ?? 0));
    open = order.slice(0, Math.max(1, Math.round(END * order.length))).sort((a, b) => a - b);
  }
  const mean = mode === "weak spots" ? knowledge.mean() : null;
  const wanted = mean ? weights.map((weight, node) => weight * (1 - (mean[node] ?? 0))) : weights;
  const gains = expectedGains(knowledge, wanted);
  return open.reduce((best, question) => ((gains[question] ?? 0) > (gains[best] ?? 0) ? question : best));
}

function variance(knowledge: Knowledge, weights: Float64Array): number {
  return knowledge.sd().reduce((sum, sd, node) => sum + (weights[node] ?? 0) * sd ** 2, 0);
}

function leaves(knowledge: Knowledge, values: Float64Array[]): { chances: Float64Array; away: Float64Array } {
  const belief = knowledge.beliefs[0] ?? new Float64Array(0);
  const chances = Float64Array.from(values, (value, question) => dot(belief, question * COUNT, value, 0));
  const away = belief.map((share, i) => {
    const question = Math.floor(i / COUNT);
    return share * ((values[question]?.[i % COUNT] ?? 0) - (chances[question] ?? 0));
  });
  return { chances, away };
}

function* upward(knowledge: Knowledge, values: Float64Array[]): Generator<Step> {
  const { chances } = leaves(knowledge, values);
  let above = values.map((_, question) => question);
  let tied: Float64Array[] = values.map((value, question) => value.map((one) => one - (chances[question] ?? 0)));
  for (let level = 0; level < knowledge.tree.parents.length; level++) {
    const node = above;
    above = node.map((at) => knowledge.tree.parents[level]?.[at] ?? 0);
    const belief = knowledge.beliefs[level + 1] ?? new Float64Array(0);
    tied = tied.map((value, question) => times(knowledge.givenParent(level, node[question] ?? 0), value));
    const away = new Float64Array(values.length * COUNT);
    tied.forEach((value, question) => {
      for (let i = 0; i < COUNT; i++) {
        away[question * COUNT + i] = (belief[(above[question] ?? 0) * COUNT + i] ?? 0) * (value[i] ?? 0);
      }
    });
    yield { level, node, above, away };
  }
}

/** A reading that counts: under which node it hangs, and what is expected of it by the value there. */
interface Seen {
  node: number;
  weight: number;
  values: Float64Array;
}

function weighted(weights: Float64Array = new Float64Array(0), reading: Float64Array = new Float64Array(COUNT)): Seen[] {
  return [...weights].flatMap((weight, node) => (weight > 0 ? [{ node, weight, values: reading }] : []));
}

/** Sums of squares of functions by node, COUNT by COUNT each; made where something is collected. */
type Moments = (Float64Array | undefined)[];
const moments = (count: number): Moments => new Array<Float64Array | undefined>(count);

function collect(all: Moments, { node, weight, values }: Seen): void {
  const sum = (all[node] ??= new Float64Array(COUNT * COUNT));
  for (let i = 0; i < COUNT; i++) {
    const scale = weight * (values[i] ?? 0);
    for (let j = 0; j < COUNT; j++) add(sum, i * COUNT + j, scale * (values[j] ?? 0));
  }
}

function merge(all: Moments, node: number, more: Float64Array | undefined): void {
  if (!more) return;
  const sum = (all[node] ??= new Float64Array(COUNT * COUNT));
  for (let i = 0; i < sum.length; i++) add(sum, i, more[i] ?? 0);
}

function quadratic(values: Float64Array, question: number, matrix: Float64Array | undefined): number {
  return matrix ? dot(times(matrix, values, question * COUNT), 0, values, question * COUNT) : 0;
}
