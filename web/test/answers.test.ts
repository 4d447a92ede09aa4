import { describe, expect, it } from "vitest";
import { Answers, storageKey } from "../src/answers";
import type { Question } from "../src/payload";

const question = (id: string, correctIndex = 0): Question => ({
  id,
  correctIndex,
  x: 0.1,
  y: 0.2,
  item: { difficulty: 0, discrimination: 1, guess: 0.25 },
  question: "?",
  options: ["a", "b", "c", "d"],
  topic: null,
  explanation: "",
  source: null,
  near: [],
});
const questions = [question("q1", 2), question("q2"), question("q3")];

function memory() {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
}

describe("the answers", () => {
  it("are evidence of knowing, of not knowing, or of being asked in vain", () => {
    const answers = new Answers(questions, "k", null);
    answers.give(questions[0] as Question, 2);
    answers.give(questions[1] as Question, 3);
    answers.give(questions[2] as Question, null);
    expect(answers.responses()).toEqual([
      { question: 0, right: true },
      { question: 1, right: false },
      { question: 2, right: null },
    ]);
    expect([answers.count, answers.right]).toEqual([3, 1]);
  });

  it("are there again after the page is opened anew, and gone after a reset", () => {
    const storage = memory();
    new Answers(questions, "k", storage).give(questions[0] as Question, 2);
    const again = new Answers(questions, "k", storage);
    expect([again.count, again.right]).toEqual([1, 1]);
    again.clear();
    expect(new Answers(questions, "k", storage).count).toBe(0);
  });

  it.each(["not json", "{}", "[3]", '[["gone",1]]', '[["q1","x"]]'])(
    "start empty from the damaged memory %s",
    (text) => {
      const storage = memory();
      storage.kept.set("k", text);
      expect(new Answers(questions, "k", storage).count).toBe(0);
    },
  );

  it("go on without a storage that throws", () => {
    const full = {
      ...memory(),
      setItem: () => {
        throw new Error("full");
      },
    };
    const answers = new Answers(questions, "k", full);
    answers.give(questions[0] as Question, 2);
    expect(answers.count).toBe(1);
  });

  it("belong to one map, and to questions that are still asked in the same words", () => {
    expect(storageKey({ title: "A" })).not.toBe(storageKey({ title: "B" }));
    const storage = memory();
    const before = new Answers(questions, "k", storage);
    for (const one of questions) before.give(one, 2);
    const later = [question("q0"), question("q1", 2), { ...question("q2"), question: "Another?" }];
    expect(new Answers(later, "k", storage).pairs()).toEqual([["q1", 2]]);
  });
});
