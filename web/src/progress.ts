/** Answers outside of this browser: as a short code in a link, and as a file. */

import type { Pair } from "./answers";
import { signOf } from "./sign";
import type { Question } from "./payload";
import { say } from "./words";

/** What is shown to a reader whose file or link cannot be used. */
export class ProgressError extends Error {}

const KIND = "knowscape answers";
const CODE = /^([0-9a-f]{8})\.([\w-]*)$/;
/** In four bits: nothing, "I don't know", and the options from the first. */
const [UNKNOWN, FIRST, MOST] = [1, 2, 15];

/** The answers as a code for a link: four bits a question, behind a sign of the quiz that they belong to. */
export function toCode(questions: readonly Question[], pairs: readonly Pair[]): string {
  const choices = new Map(pairs);
  const codes = questions.map(({ id }) => {
    const choice = choices.get(id);
    if (choice === undefined) return 0;
    return choice === null ? UNKNOWN : Math.min(FIRST + choice, MOST);
  });
  const bytes: number[] = [];
  for (let i = 0; i < codes.length; i += 2) bytes.push(((codes[i] ?? 0) << 4) | (codes[i + 1] ?? 0));
  while (bytes.length && bytes[bytes.length - 1] === 0) bytes.pop();
  const text = btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return `${signOf(questions.map(({ id }) => id))}.${text}`;
}

/** The answers that a code stands for; ProgressError where it is damaged or belongs to another quiz. */
export function fromCode(questions: readonly Question[], code: string): Pair[] {
  const [, sign, text] = CODE.exec(code) ?? [];
  if (sign === undefined || text === undefined) throw new ProgressError(say("failure.link"));
  if (sign !== signOf(questions.map(({ id }) => id))) {
    throw new ProgressError(say("failure.other-quiz"));
  }
  let bytes: string;
  try {
    bytes = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  } catch {
    throw new ProgressError(say("failure.link"));
  }
  return questions.flatMap((question, i): Pair[] => {
    const byte = bytes.charCodeAt(i >> 1) || 0;
    const code = i % 2 ? byte & 15 : byte >> 4;
    if (code === 0 || code - FIRST >= question.options.length) return [];
    return [[question.id, code === UNKNOWN ? null : code - FIRST]];
  });
}

/** The answers as the text of a file. */
export function toFile(title: string, pairs: readonly Pair[]): string {
  const answers = pairs.map(([question, choice]) => ({ question, choice }));
  return `${JSON.stringify({ kind: KIND, version: 1, map: title, answers }, null, 1)}\n`;
}

/** The answers in a file's text that belong to these questions; ProgressError where there are none. */
export function fromFile(questions: readonly Question[], text: string): Pair[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProgressError(say("failure.no-answers"));
  }
  const file = record(value);
  if (file?.["kind"] !== KIND || !Array.isArray(file["answers"])) {
    throw new ProgressError(say("failure.no-answers"));
  }
  const options = new Map(questions.map((question) => [question.id, question.options.length]));
  const pairs = (file["answers"] as unknown[]).flatMap((entry): Pair[] => {
    const { question, choice } = record(entry) ?? {};
    const most = typeof question === "string" ? options.get(question) : undefined;
    if (typeof question !== "string" || most === undefined) return [];
    if (choice === null) return [[question, null]];
    return Number.isInteger(choice) && Number(choice) >= 0 && Number(choice) < most ? [[question, Number(choice)]] : [];
  });
  if (pairs.length === 0) throw new ProgressError(say("failure.other-answers"));
  return pairs;
}

const record = (value: unknown): Record<string, unknown> | null =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
