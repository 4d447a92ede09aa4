import { describe, expect, it } from "vitest";
import { kernelFor, type Evidence } from "../src/estimate";
import type { Box, Question } from "../src/payload";
import { nextQuestion } from "../src/select";

const region: Box = [0, 0, 1, 1];
const kernel = kernelFor(region);
const question = (id: string, x: number, y: number, difficulty = 2): Question => ({
  id,
  x,
  y,
  difficulty,
  question: "?",
  options: ["a", "b", "c", "d"],
  correctIndex: 0,
  topic: null,
  source: null,
  near: [],
});

describe("the next question", () => {
  it("is none when all are answered", () => {
    expect(nextQuestion([], [], kernel, region)).toBeNull();
  });

  it("begins with an easy one near the middle of the region", () => {
    const open = [
      question("hard", 0.5, 0.5, 4),
      question("corner", 0.95, 0.95, 1),
      question("middle", 0.55, 0.5, 1),
    ];
    expect(nextQuestion(open, [], kernel, region)?.id).toBe("middle");
  });

  it("goes to the most uncertain place", () => {
    const evidence: Evidence[] = [{ x: 0.5, y: 0.5, value: 1 }];
    const open = [question("beside", 0.52, 0.5), question("away", 0.85, 0.5)];
    expect(nextQuestion(open, evidence, kernel, region)?.id).toBe("away");
  });

  it("spreads: among equally uncertain places it takes the one farthest from all answers", () => {
    const evidence: Evidence[] = [{ x: 0.1, y: 0.1, value: 1 }];
    const open = [question("near", 0.5, 0.5), question("far", 0.9, 0.9)];
    expect(nextQuestion(open, evidence, kernel, region)?.id).toBe("far");
  });

  it("stays within the question region while that holds open questions", () => {
    const inner: Box = [0, 0, 0.5, 0.5];
    const evidence: Evidence[] = [{ x: 0.1, y: 0.1, value: 1 }];
    const outside = question("outside", 0.9, 0.9);
    expect(nextQuestion([outside, question("inside", 0.3, 0.3)], evidence, kernel, inner)?.id).toBe("inside");
    expect(nextQuestion([outside], evidence, kernel, inner)?.id).toBe("outside");
  });
});
