import { describe, expect, it } from "vitest";
import { expectedGains, knownShare, learningGains, MODES, nextQuestion, type Mode } from "../src/choice";
import { Knowledge, type Item, type Prior, type Response, type Tree } from "../src/knowledge";
import written from "./knowledge.cases.json";

interface Case {
  tree: Tree;
  prior: Prior;
  items: Item[];
  responses: Response[];
  weights: number[];
  expected: {
    mean: number[];
    sd: number[];
    predictions: number[];
    average: { mean: number; sd: number };
    gains: number[];
    learning: number[];
    share: number;
    next: Record<Mode, number | null>;
  };
}

const cases = written as unknown as Case[];

/** The largest difference, as a share of the larger of one and the value. */
const difference = (found: ArrayLike<number>, expected: readonly number[]): number => {
  expect(found.length).toBe(expected.length);
  return expected.reduce((most, value, i) => {
    const off = Math.abs((found[i] ?? NaN) - value) / Math.max(1, Math.abs(value));
    return Math.max(most, Number.isNaN(off) ? Infinity : off);
  }, 0);
};

describe("the estimate of the page is the reference's", () => {
  it.each(cases.map((one, number) => [number, one] as const))("in case %i", (_, one) => {
    const weights = Float64Array.from(one.weights);
    const known = new Knowledge(one.tree, one.responses, one.items, one.prior);
    const { expected } = one;
    const average = known.average(weights);
    const off = {
      mean: difference(known.mean(), expected.mean),
      sd: difference(known.sd(), expected.sd),
      predictions: difference(one.items.map((_, question) => known.predict(question)), expected.predictions),
      average: difference([average.mean, average.sd], [expected.average.mean, expected.average.sd]),
      gains: difference(expectedGains(known, weights), expected.gains),
      learning: difference(learningGains(known, weights), expected.learning),
      share: difference([knownShare(known, weights)], [expected.share]),
    };
    for (const [name, value] of Object.entries(off)) expect(value, name).toBeLessThan(1e-6);
    for (const mode of MODES) expect(nextQuestion(known, weights, mode), mode).toBe(expected.next[mode]);
  });
});
