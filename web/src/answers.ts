/** The reader's answers, kept in this browser for this map. */

import type { Evidence } from "./estimate";
import type { MapInfo, Question } from "./payload";

/** The chosen option, or null for "I don't know". */
export type Choice = number | null;

export interface Answer {
  question: Question;
  choice: Choice;
  right: boolean;
}

interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export const storageKey = (map: Pick<MapInfo, "title" | "created">): string =>
  `knowscape:answers:${map.title}:${map.created}`;

export class Answers {
  private readonly given = new Map<string, Answer>();

  constructor(
    private readonly questions: readonly Question[],
    private readonly key: string,
    private readonly storage: Storage | null,
  ) {
    this.restore();
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

  open(): Question[] {
    return this.questions.filter((question) => !this.given.has(question.id));
  }

  evidence(): Evidence[] {
    return this.all().map(({ question, right }) => ({ x: question.x, y: question.y, value: right ? 1 : 0 }));
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
    const pairs = this.all().map(({ question, choice }) => [question.id, choice]);
    this.attempt((storage) => storage.setItem(this.key, JSON.stringify(pairs)));
  }

  private restore(): void {
    const questions = new Map(this.questions.map((question) => [question.id, question]));
    for (const pair of this.stored()) {
      if (!Array.isArray(pair)) continue;
      const [id, choice] = pair as unknown[];
      const question = typeof id === "string" ? questions.get(id) : undefined;
      if (question && (choice === null || typeof choice === "number")) {
        this.given.set(question.id, this.judge(question, choice));
      }
    }
  }

  private stored(): unknown[] {
    let value: unknown = null;
    this.attempt((storage) => {
      value = JSON.parse(storage.getItem(this.key) ?? "[]");
    });
    return Array.isArray(value) ? value : [];
  }

  /** A full, forbidden or damaged storage costs the memory of the answers, not the quiz. */
  private attempt(use: (storage: Storage) => void): void {
    if (!this.storage) return;
    try {
      use(this.storage);
    } catch (error) {
      console.info("The answers are not kept in this browser:", error);
    }
  }
}

/** The browser's storage, or null where it is forbidden. */
export function browserStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
