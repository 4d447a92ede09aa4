import { describe, expect, it } from "vitest";
import { Answers } from "../src/answers";
import { estimateAt } from "../src/field";
import type { Item, Prior, Tree } from "../src/knowledge";
import type { Points, Question } from "../src/payload";
import { Regions } from "../src/regions";
import { Survey } from "../src/survey";
import written from "./knowledge.cases.json";

interface Case {
  tree: Tree;
  prior: Prior;
  items: Item[];
}

const cases = written as unknown as Case[];
const { tree, prior, items } = cases[3] as Case;

/** An article at each question, at the same height; two regions, left and right. */
const count = items.length;
const points: Points = {
  count,
  x: Uint16Array.from(items, (_, i) => Math.round((i / (count - 1)) * 65535)),
  y: new Uint16Array(count).fill(32768),
  recall: new Uint8Array(count),
  region: Uint16Array.from(items, (_, i) => (i < count / 2 ? 0 : 1)),
  places: {
    each: 2,
    node: Uint16Array.from({ length: 2 * count }, (_, i) => i >> 1),
    weight: Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 ? 0 : 255)),
  },
};
const region = (label: string) => ({ label, x: 0, y: 0, support: 6, purity: 1, parent: null });
const regions = new Regions([[region("left"), region("right")]], points);
const questions = items.map((item, i): Question => ({
  id: `q${i}`,
  question: "?",
  options: ["a", "b", "c", "d"],
  correctIndex: 0,
  topic: null,
  explanation: "",
  item,
  x: i / (count - 1),
  y: 0.5,
  source: i,
  near: [i],
}));

const at = (i: number): Question => questions[i] as Question;

function survey(): { survey: Survey; answers: Answers } {
  const answers = new Answers(questions, "k", null);
  return { survey: new Survey({ tree, prior }, regions, points, [0, 0, 1, 1], questions, answers), answers };
}

describe("the survey", () => {
  it("lets the fog lift where an answer is, and colours what is known", () => {
    const { survey: made, answers } = survey();
    const before = made.field();
    expect(Math.max(...before.uncertainty)).toBeCloseTo(1, 5);
    for (const i of [0, 1, 2]) answers.give(at(i), 0);
    for (const i of [9, 10, 11]) answers.give(at(i), null);
    made.update();
    const after = made.field();
    const [left, right] = [estimateAt(after, 0.05, 0.5), estimateAt(after, 0.95, 0.5)];
    expect(left?.mean).toBeGreaterThan(0.55);
    expect(right?.mean).toBeLessThan(0.45);
    expect(left?.uncertainty).toBeLessThan(0.95);
    expect(estimateAt(after, 1.2, 0.5)).toBeNull();
    after.uncertainty.forEach((value, cell) => expect(value).toBeLessThanOrEqual((before.uncertainty[cell] ?? 0) + 1e-6));
  });

  it("says by region what is known, with an interval that narrows", () => {
    const { survey: made, answers } = survey();
    const wide = made.byRegion().map(({ low, high }) => high - low);
    for (const i of [0, 1, 2, 3]) answers.give(at(i), 0);
    for (const i of [8, 9, 10, 11]) answers.give(at(i), 1);
    made.update();
    const [best, worst] = made.byRegion();
    expect([best?.label, worst?.label]).toEqual(["left", "right"]);
    expect(best?.mean).toBeGreaterThan(worst?.mean ?? 1);
    for (const { low, mean, high } of made.byRegion()) {
      expect(low).toBeLessThan(mean);
      expect(mean).toBeLessThan(high);
      expect(high - low).toBeLessThan(Math.max(...wide));
    }
    expect(made.told()).toBeGreaterThan(0.3);
  });

  it("recommends what was missed before what is known, each article once, and says why", () => {
    const { survey: made, answers } = survey();
    for (const i of [0, 1, 2, 3, 4, 5]) answers.give(at(i), 0);
    answers.give(at(8), 2);
    answers.give(at(9), null);
    made.update();
    const readings = made.toRead(5);
    const articles = readings.map(({ article }) => article);
    expect(new Set(articles).size).toBe(articles.length);
    expect(articles.some((article) => article < 6)).toBe(false);
    const why = new Map(readings.map((reading) => [reading.article, reading.why]));
    expect([why.get(8), why.get(9)]).toEqual(["missed", "unknown"]);
    expect(readings.map(({ gain }) => gain)).toEqual(readings.map(({ gain }) => gain).sort((a, b) => b - a));
  });

  it("asks no question twice, and comes to an end", () => {
    const { survey: made, answers } = survey();
    const seen = new Set<string>();
    const ask = () => made.next("balanced", new Set(), false);
    for (let next = ask(); next; next = ask()) {
      expect(seen.has(next.id)).toBe(false);
      seen.add(next.id);
      answers.give(next, seen.size % 2);
      made.update();
    }
    expect(seen.size).toBeGreaterThan(count / 2);
    expect(made.told()).toBeGreaterThanOrEqual(0.9);
  });

  it("asks the rest where it is told to, and what was skipped at the very end", () => {
    const { survey: made, answers } = survey();
    const skipped = new Set(questions.slice(0, 2));
    const order: string[] = [];
    const ask = () => made.next("balanced", skipped, true);
    for (let next = ask(); next; next = ask()) {
      order.push(next.id);
      answers.give(next, 0);
      made.update();
    }
    expect(new Set(order).size).toBe(questions.length);
    expect(new Set(order.slice(-2))).toEqual(new Set([...skipped].map(({ id }) => id)));
  });

  it("sums up the best and the least known region", () => {
    const [whole, best, least] = survey().survey.summary();
    expect(whole?.[1]).toMatch(/^about \d+\s%$/);
    expect([best?.[0], least?.[0]]).toEqual(["Best", "Least"]);
  });
});
