import { describe, expect, it } from "vitest";
import type { Pair } from "../src/answers";
import type { Question } from "../src/payload";
import { fromFile, fromFragment, ProgressError, toFile, toFragment } from "../src/progress";

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
    const fragment = toFragment(questions, pairs);
    expect(fragment).toMatch(/^#answers=[0-9a-f]{8}\.[\w-]{1,8}$/);
    expect(fromFragment(questions, fragment)).toEqual(pairs);
    expect(fromFragment(questions, toFragment(questions, []))).toEqual([]);
    const all = questions.map(({ id }, i): Pair => [id, i % 4]);
    expect(fromFragment(questions, toFragment(questions, all))).toEqual(all);
  });

  it("of another kind is none", () => {
    expect(fromFragment(questions, "")).toBeNull();
    expect(fromFragment(questions, "#elsewhere")).toBeNull();
  });

  it("that is damaged, or belongs to another quiz, is refused in words", () => {
    const fragment = toFragment(questions, pairs);
    expect(() => fromFragment(questions.slice(1), fragment)).toThrow(/another quiz/);
    for (const broken of ["#answers=", "#answers=12", `${fragment}!`, `${fragment.slice(0, 18)}A`]) {
      expect(() => fromFragment(questions, broken), broken).toThrow(ProgressError);
    }
  });

  it("never gives a choice that the question does not have", () => {
    const fragment = toFragment(questions, [["question 0", 9]]);
    expect(fromFragment(questions, fragment)).toEqual([]);
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
