/** Where the page stands, as a link's fragment: `#at=0.41,0.56,0.25&colour=topic&article=12.0badcafe`. */

import type { RegionId } from "./regions";

/** Everything is optional; what a link does not say is left as it is or, where `apply` says so, as it was at first. */
export interface Standing {
  /** The middle of the view, and how much of the map's side the window's shorter side shows. */
  at?: { x: number; y: number; span: number };
  colour?: string;
  /** Codes of the kinds that alone are shown. */
  only?: number[];
  /** From one day to another, of the column with this number. */
  time?: { field: number; from: number; to: number };
  region?: RegionId;
  /** A row, and a sign of its title, which finds it where a later map has it in another row. */
  article?: { row: number; sign: string };
  theme?: "light" | "dark";
  /** A language's code. */
  language?: string;
  /** As `progress.ts` writes them. */
  answers?: string;
}

const MOST = 8192;
const NUMBER = String.raw`-?\d{1,9}(?:\.\d{1,9})?`;
const AT = new RegExp(`^(${NUMBER}),(${NUMBER}),(${NUMBER})$`);
const TIME = new RegExp(`^(\\d{1,3}),(${NUMBER}),(${NUMBER})$`);
const COLOUR = /^(plain|knowledge|topic|quality|field\.\d{1,3})$/;
const REGION = /^(\d{1,2})\.(\d{1,5})$/;
const ARTICLE = /^(\d{1,9})\.([0-9a-f]{8})$/;
const LANGUAGE = /^[a-z]{2,3}$/;
const ONLY = /^\d{1,3}(?:\.\d{1,3}){0,15}$/;

const parsers: Record<keyof Standing, (value: string) => Partial<Standing>> = {
  at: (value) => {
    const [x, y, span] = (AT.exec(value) ?? []).slice(1).map(Number);
    return x !== undefined && y !== undefined && span !== undefined && span > 0 ? { at: { x, y, span } } : {};
  },
  colour: (value) => (COLOUR.test(value) ? { colour: value } : {}),
  only: (value) => (ONLY.test(value) ? { only: value.split(".").map(Number) } : {}),
  time: (value) => {
    const [field, from, to] = (TIME.exec(value) ?? []).slice(1).map(Number);
    return field !== undefined && from !== undefined && to !== undefined && from <= to ? { time: { field, from, to } } : {};
  },
  region: (value) => {
    const [level, number] = (REGION.exec(value) ?? []).slice(1).map(Number);
    return level !== undefined && number !== undefined ? { region: { level, number } } : {};
  },
  article: (value) => {
    const [, row, sign] = ARTICLE.exec(value) ?? [];
    return row !== undefined && sign !== undefined ? { article: { row: Number(row), sign } } : {};
  },
  theme: (value) => (value === "light" || value === "dark" ? { theme: value } : {}),
  language: (value) => (LANGUAGE.test(value) ? { language: value } : {}),
  answers: (value) => ({ answers: value }),
};

const isKey = (key: string): key is keyof Standing => Object.hasOwn(parsers, key);

/** Read a fragment; parts that are unknown or damaged are as if they were not there. */
export function fromFragment(fragment: string): Standing {
  if (fragment.length > MOST) return {};
  return Object.assign(
    {},
    ...fragment.replace(/^#/, "").split("&").map((part) => {
      const cut = part.indexOf("=");
      const key = part.slice(0, Math.max(cut, 0));
      return isKey(key) ? parsers[key](part.slice(cut + 1)) : {};
    }),
  ) as Standing;
}

const short = (value: number, digits: number): string => String(Number(value.toFixed(digits)));

/** Write a fragment; empty where there is nothing to say. */
export function toFragment({ at, colour, only, time, region, article, theme, language, answers }: Standing): string {
  const parts = [
    at && `at=${[at.x, at.y, at.span].map((value) => short(value, 5)).join(",")}`,
    colour && `colour=${colour}`,
    only?.length && `only=${only.join(".")}`,
    time && `time=${time.field},${short(time.from, 3)},${short(time.to, 3)}`,
    region && `region=${region.level}.${region.number}`,
    article && `article=${article.row}.${article.sign}`,
    theme && `theme=${theme}`,
    language && `language=${language}`,
    answers && `answers=${answers}`,
  ].filter(Boolean);
  return parts.length ? `#${parts.join("&")}` : "";
}
