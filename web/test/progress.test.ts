import { describe, expect, it } from "vitest";
import type { Pair } from "../src/answers";
import type { Question } from "../src/payload";
import { fromCode, fromFile, ProgressError, toCode, toFile } from "../src/progress";

const questions = Array.from({ length: 7 }, (_, i): Question => ({
  id: `question ${i}`,
  question: "?",
  options: ["a", "b", "c", "d"],
  correctIndex: 0,
  topic: null,
  explanation: "",
  item: { difficulty: 0, discrimination: 1, guess: 0.25 },
  x: 0,
  y: 0,
  source: null,
  near: [],
}));
const pairs: Pair[] = [
  ["question 0", 3],
  ["question 3", null],
  ["question 4", 0],
];

describe("a link", () => {
  it("brings back the answers, in a few letters", () => {
    const code = toCode(questions, pairs);
    expect(code).toMatch(/^[0-9a-f]{8}\.[\w-]{1,8}$/);
    expect(fromCode(questions, code)).toEqual(pairs);
    expect(fromCode(questions, toCode(questions, []))).toEqual([]);
    const all = questions.map(({ id }, i): Pair => [id, i % 4]);
    expect(fromCode(questions, toCode(questions, all))).toEqual(all);
  });

  it("that is damaged, or belongs to another quiz, is refused in words", () => {
    const code = toCode(questions, pairs);
    expect(() => fromCode(questions.slice(1), code)).toThrow(/another quiz/);
    for (const broken of ["", "12", `${code}!`, `${code.slice(0, 9)}A`]) {
      expect(() => fromCode(questions, broken), broken).toThrow(ProgressError);
    }
  });

  it("never gives a choice that the question does not have", () => {
    const code = toCode(questions, [["question 0", 9]]);
    expect(fromCode(questions, code)).toEqual([]);
  });
});

describe("a file", () => {
  it("brings back the answers", () => {
    expect(fromFile(questions, toFile("Stars", pairs))).toEqual(pairs);
  });

  it("keeps only what belongs to these questions", () => {
    const file = toFile("Stars", [...pairs, ["elsewhere", 1], ["question 1", 4], ["question 2", -1], ["question 5", 0.5]]);
    expect(fromFile(questions, file)).toEqual(pairs);
  });

  it.each(["", "{", "[]", "null", '{"kind":"other","answers":[]}', '{"kind":"knowscape answers","answers":3}'])(
    "such as %j is refused in words",
    (text) => expect(() => fromFile(questions, text)).toThrow("does not hold saved answers"),
  );

  it("with answers to other questions alone is refused in words", () => {
    expect(() => fromFile(questions.slice(5), toFile("Stars", pairs))).toThrow(/None of the answers/);
  });
});
