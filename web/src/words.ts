/**
 * What the page says, in the reader's language: `languages/` has one JSON file for each.
 *
 * A text has places such as `{count}`.  Where its form depends on a number it is a record of the forms that
 * `Intl.PluralRules` names, chosen by `count`, or as an ordinal by `nth`.
 */

import { browserStorage } from "./storage";
import english from "./languages/en.json";

type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type Key = keyof typeof english;
type Language = Record<Key, Text>;

/** English is inside the page, and is spoken until another language is there; of the others one is loaded. */
const OTHERS = import.meta.glob<Language>(["./languages/*.json", "!./languages/en.json"], { import: "default" });
const ENGLISH = "en";
const KEY = "knowscape:language";

/** The languages' codes. */
export const LANGUAGES = [ENGLISH, ...Object.keys(OTHERS).map((path) => path.replace(/^.*\/|\.json$/g, ""))].sort();

let words: Language = english;
let locale = ENGLISH;
let numbers = new Intl.NumberFormat(locale);
/** The language that a link asks for: for this visit alone. */
let visited: string | null = null;

/** Say something; numbers are written as the language does it. */
export function say(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  const text = words[key];
  const form = typeof text === "string" ? text : (text[ruleOf(values)] ?? text.other ?? "");
  return form.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    return value === undefined ? place : typeof value === "number" ? numbers.format(value) : isolated(value);
  });
}

/** Say what a server says in English in the reader's language, where it is one of these texts. */
export function translated(said: string, keys: readonly Key[]): string {
  const key = keys.find((one) => english[one] === said);
  return key ? say(key) : said;
}

function ruleOf({ count, nth }: Readonly<Record<string, string | number>>): Intl.LDMLPluralRule {
  const type = nth === undefined ? "cardinal" : "ordinal";
  return new Intl.PluralRules(locale, { type }).select(Number(nth ?? count));
}

/** Letters of scripts from right to left, and marks that turn the direction. */
const TURNS = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\u{10800}-\u{10fff}]|[\u{1e800}-\u{1efff}]/u;

/** A value whose direction could turn the sentence around it stands between marks that keep it to itself. */
const isolated = (value: string): string => (TURNS.test(value) ? `\u2068${value}\u2069` : value);

export const formatCount = (value: number): string => numbers.format(value);
export const formatDigits = (value: number, digits: number): string =>
  new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
/** Three digits that count. */
export const formatRough = (value: number): string =>
  new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }).format(value);
export const formatPercent = (share: number): string => say("number.percent", { share: Math.round(share * 100) });
export const formatPercents = (low: number, high: number, digits = 0): string =>
  say("number.percents", { low: formatDigits(low * 100, digits), high: formatDigits(high * 100, digits) });
export const formatTime = (time: number | Date, how: Intl.DateTimeFormatOptions): string =>
  new Intl.DateTimeFormat(locale, how).format(time);
export const compareTexts = (): Intl.Collator["compare"] => new Intl.Collator(locale).compare;

/** The language that a link, the reader or the browser asks for, of those that there are. */
export function choose(asked: readonly (string | null | undefined)[]): string {
  const found = asked.find((code) => code && LANGUAGES.includes(base(code)));
  return found ? base(found) : ENGLISH;
}

const base = (code: string): string => code.toLowerCase().split("-")[0] ?? "";

/** Speak the reader's language: load it, and put it where the page's own texts are; English where that fails. */
export async function startWords(fromLink: string | undefined): Promise<void> {
  visited = fromLink && LANGUAGES.includes(fromLink) ? fromLink : null;
  const wanted = choose([visited, kept(), ...navigator.languages]);
  await speak(wanted).catch((error: unknown) => console.info("The page goes on in English:", error));
  sayAll(document);
}

/** Speak a language from now on. */
export async function speak(language: string): Promise<void> {
  words = language === ENGLISH ? english : ((await OTHERS[`./languages/${language}.json`]?.()) ?? english);
  // The reader's own variant writes dates and numbers its own way.
  const variants = globalThis.document ? navigator.languages : [];
  locale = variants.find((code) => base(code) === language) ?? language;
  numbers = new Intl.NumberFormat(locale);
  if (!globalThis.document) return;
  document.documentElement.lang = language;
  document.documentElement.dir = say("language.direction");
}

const PLACES: Record<string, (node: Element, text: string) => void> = {
  "data-say": (node, text) => (node.textContent = text),
  "data-say-label": (node, text) => node.setAttribute("aria-label", text),
  "data-say-hint": (node, text) => node.setAttribute("placeholder", text),
};

/** Fill in the texts that `index.html` names. */
function sayAll(root: ParentNode): void {
  for (const [attribute, put] of Object.entries(PLACES)) {
    for (const node of root.querySelectorAll(`[${attribute}]`)) put(node, say(node.getAttribute(attribute) as Key));
  }
}

function kept(): string | null {
  try {
    return browserStorage()?.getItem(KEY) ?? null;
  } catch {
    return null;
  }
}

/** The language that is asked for by the link, or was chosen where nothing can be kept. */
export const visitedLanguage = (): string | null => visited;

/** Keep the reader's choice of a language; the page has to be loaded again to speak it. */
export function keepLanguage(language: string): void {
  try {
    const storage = browserStorage();
    storage?.setItem(KEY, language);
    visited = storage ? null : language;
  } catch {
    visited = language;
  }
}
