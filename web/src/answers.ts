/** The reader's answers, kept in this browser for this map. */

import type { Response } from "./knowledge";
import type { MapInfo, Question } from "./payload";
import { signOf } from "./sign";

/** The chosen option, or null for "I don't know". */
export type Choice = number | null;

/** A question's id and the choice. */
export type Pair = readonly [id: string, choice: Choice];

export interface Answer {
  question: Question;
  choice: Choice;
  right: boolean;
}

/** A map that is made anew has the answers to the questions that it still asks. */
export const storageKey = (map: Pick<MapInfo, "title">): string => `knowscape:answers:${map.title}`;

/** What tells a question from one that took its id later. */
const wordingOf = ({ question, options }: Question): string => signOf([question, ...options]);

type Memory = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export class Answers {
  private readonly given = new Map<string, Answer>();

  constructor(
    private readonly questions: readonly Question[],
    private readonly key: string,
    private readonly storage: Memory | null,
  ) {
    this.read(this.stored());
  }

  get count(): number {
    return this.given.size;
  }

  get right(): number {
    let right = 0;
    for (const answer of this.given.values()) if (answer.right) right++;
    return right;
  }

  all(): Answer[] {
    return [...this.given.values()];
  }

  of(question: Question): Answer | null {
    return this.given.get(question.id) ?? null;
  }

  /** The answers as evidence, by the questions' numbers. */
  responses(): Response[] {
    return this.questions.flatMap((question, number) => {
      const answer = this.of(question);
      return answer ? [{ question: number, right: answer.choice === null ? null : answer.right }] : [];
    });
  }

  /** Take over answers from a link or a file, beside those that are there; how many there were. */
  takeOver(pairs: readonly Pair[]): number {
    const taken = this.read(pairs);
    this.save();
    return taken;
  }

  pairs(): Pair[] {
    return this.all().map(({ question, choice }) => [question.id, choice]);
  }

  give(question: Question, choice: Choice): Answer {
    const answer = this.judge(question, choice);
    this.given.set(question.id, answer);
    this.save();
    return answer;
  }

  clear(): void {
    this.given.clear();
    this.attempt((storage) => storage.removeItem(this.key));
  }

  private judge(question: Question, choice: Choice): Answer {
    return { question, choice, right: choice === question.correctIndex };
  }

  private save(): void {
    this.attempt((storage) => storage.setItem(this.key, JSON.stringify(this.all().map(kept))));
  }

  /** Take what fits; how many there were. */
  private read(pairs: readonly unknown[]): number {
    const questions = new Map(this.questions.map((question) => [question.id, question]));
    let taken = 0;
    for (const pair of pairs) {
      if (!Array.isArray(pair)) continue;
      const [id, choice] = pair as unknown[];
      const question = typeof id === "string" ? questions.get(id) : undefined;
      if (question && (choice === null || typeof choice === "number")) {
        this.given.set(question.id, this.judge(question, choice));
        taken++;
      }
    }
    return taken;
  }

  /** What is kept of questions that are worded as they were when they were answered. */
  private stored(): unknown[] {
    let value: unknown = null;
    this.attempt((storage) => {
      value = JSON.parse(storage.getItem(this.key) ?? "[]");
    });
    if (!Array.isArray(value)) return [];
    const wordings = new Map(this.questions.map((question) => [question.id, wordingOf(question)]));
    return value.filter((one: unknown) => Array.isArray(one) && wordings.get(one[0] as string) === one[2]);
  }

  /** A full, forbidden or damaged storage costs the memory of the answers, not the quiz. */
  private attempt(use: (storage: Memory) => void): void {
    if (!this.storage) return;
    try {
      use(this.storage);
    } catch (error) {
      console.info("The answers are not kept in this browser:", error);
    }
  }
}

const kept = ({ question, choice }: Answer): [string, Choice, string] => [question.id, choice, wordingOf(question)];
