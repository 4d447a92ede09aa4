import { describe, expect, it } from "vitest";
import { estimateAt, estimateField, kernelFor, type Evidence } from "../src/estimate";
import type { Box } from "../src/payload";

const box: Box = [0.2, 0.1, 0.8, 0.7];
const kernel = kernelFor(box);

describe("the estimate", () => {
  it("is the prior, wholly uncertain, where nothing was answered", () => {
    expect(estimateAt([], kernel, 0.5, 0.5)).toEqual({ mean: 0.5, uncertainty: 1 });
  });

  it("rises at a right answer, falls at a wrong one, and is surer there than far away", () => {
    const evidence: Evidence[] = [
      { x: 0.3, y: 0.3, value: 1 },
      { x: 0.7, y: 0.6, value: 0 },
    ];
    const right = estimateAt(evidence, kernel, 0.3, 0.3);
    const wrong = estimateAt(evidence, kernel, 0.7, 0.6);
    expect(right.mean).toBeGreaterThan(0.7);
    expect(wrong.mean).toBeLessThan(0.3);
    const far = estimateAt(evidence, kernel, 0.3, 0.69);
    expect(right.uncertainty).toBeLessThan(0.6);
    expect(far.uncertainty).toBeGreaterThan(0.95);
  });

  it("grows surer with every answer at a place, never less sure", () => {
    const evidence: Evidence[] = [];
    let before = 1;
    for (let i = 0; i < 5; i++) {
      evidence.push({ x: 0.5, y: 0.5, value: i % 2 });
      const { uncertainty } = estimateAt(evidence, kernel, 0.52, 0.5);
      expect(uncertainty).toBeLessThan(before);
      before = uncertainty;
    }
  });

  it("reaches as far as a share of the question region, whatever the region's size", () => {
    const half: Box = [0.2, 0.1, 0.5, 0.4];
    expect(kernelFor(half).width).toBeCloseTo(kernel.width / 2, 10);
  });

  it("fills a grid from the lower left with what it says at the cells' middles", () => {
    const evidence: Evidence[] = [{ x: 0.25, y: 0.15, value: 1 }];
    const field = estimateField(evidence, kernel, box, 6);
    expect(field.rows).toBe(6);
    expect(field.mean).toHaveLength(36);
    expect(field.mean[0]).toBeCloseTo(estimateAt(evidence, kernel, 0.25, 0.15).mean, 6);
    expect(field.uncertainty[0]).toBeLessThan(field.uncertainty[35] ?? 0);
  });
});
