import { describe, expect, it } from "vitest";
import { figures, howMeasured } from "../src/trust";

const share = { mean: 0.382, low: 0.376, high: 0.388 };

describe("the figures of trust", () => {
  it("are shares with their intervals, and none where all articles were measured", () => {
    const recall = { "10": share, "50": { mean: 0.5, low: 0.5, high: 0.5 } };
    expect(figures({ recall, question_overlap: 0.85 })).toEqual([
      ["nearest 10", "38 %", "37.6–38.8 %"],
      ["nearest 50", "50 %", ""],
      ["questions’ nearest 5", "85 %", ""],
    ]);
  });

  it("leave out what a map of an earlier version lacks", () => {
    const quality = { recall: {}, question_overlap: null, trustworthiness: share, continuity: null };
    expect(figures(quality)).toEqual([["near here, near in meaning", "38 %", "37.6–38.8 %"]]);
    const far = { mean: 0.431, low: 0.42, high: 0.44 };
    expect(figures({ recall: {}, question_overlap: null, distance_rank_correlation: far })).toEqual([
      ["order of all distances", "0.43", "1 is true"],
    ]);
  });

  it("say on how many articles they were measured", () => {
    const quality = { recall: {}, question_overlap: null };
    expect(howMeasured({ quality, documents: 9 })).toBeNull();
    expect(howMeasured({ quality: { ...quality, measured: 9 }, documents: 9 })).toBe("Measured on all articles.");
    expect(howMeasured({ quality: { ...quality, measured: 2000 }, documents: 250000 })).toMatch(
      /^Measured on 2.000 articles against all 250.000,/,
    );
  });
});
