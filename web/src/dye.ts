/** What the points can be coloured by: each article's place among 256 colours, and what the colours mean. */

import { CATEGORIES, scaleColour, type Palette, type Rgb } from "./colour";
import { formatDate } from "./dates";
import type { FieldInfo, FieldValues, Points } from "./payload";
import { NO_REGION } from "./payload";
import type { Regions } from "./regions";
import { formatCount, formatPercent, formatRough, say } from "./words";

/** One of the kinds that have a colour: the largest ones, the others together, and those without a value. */
export interface Kind {
  code: number;
  name: string;
  count: number;
}

/** What a scale's beginning, middle and end stand for. */
export type Ticks = readonly [low: string, middle: string, high: string];

export interface Dye {
  name: string;
  /** By article, a place in `coloursOf`. */
  codes: Uint8Array;
  /** There where the colours are kinds, else there are `ticks`. */
  kinds: Kind[] | null;
  ticks: Ticks | null;
  /** An article's value in words. */
  tell(index: number): string;
}

/** Codes of kinds: 0 to 8 for the largest, then these. */
const [OTHER_CODE, NONE_CODE] = [CATEGORIES, CATEGORIES + 1];
/** Codes of a scale run from 1 to 255; 0 stands for no value. */
const STEPS = 254;

/** The 256 colours that a dye's codes stand for, as RGBA bytes. */
export function coloursOf(dye: Dye, palette: Palette): Uint8Array {
  const row = new Uint8Array(1024);
  const put = (code: number, colour: Rgb): void => row.set([...colour.map((c) => Math.round(c * 255)), 255], code * 4);
  if (dye.kinds) {
    palette.categories.forEach((colour, code) => put(code, colour));
    put(OTHER_CODE, palette.other);
    put(NONE_CODE, palette.other);
  } else {
    put(0, palette.other);
    for (let code = 1; code <= STEPS + 1; code++) put(code, scaleColour(palette.sequence, (code - 1) / STEPS));
  }
  return row;
}

export function topicDye(regions: Regions, points: Points): Dye {
  const names = (regions.levels[0] ?? []).map(({ label }) => label);
  return kindsDye(say("colour.topic-name"), names, points.count, (index) => regions.of(index, 0));
}

export function qualityDye({ recall }: Points): Dye {
  const codes = Uint8Array.from(recall, (value) => 1 + Math.round((value / 255) * STEPS));
  const tell = (index: number): string => say("colour.kept", { share: formatPercent((recall[index] ?? 0) / 255) });
  const ticks: Ticks = [say("colour.kept-none"), say("colour.kept-half"), say("colour.kept-all")];
  return { name: say("colour.quality-name"), codes, kinds: null, ticks, tell };
}

export function fieldDye(field: FieldInfo, { values, names }: FieldValues): Dye {
  if (field.kind === "category") {
    return kindsDye(field.name, names, values.length, (index) => values[index] ?? NO_REGION);
  }
  return scaleDye(field, values);
}

function kindsDye(name: string, names: readonly string[], count: number, numberOf: (index: number) => number): Dye {
  const counts = new Float64Array(names.length);
  let none = 0;
  for (let i = 0; i < count; i++) {
    const number = numberOf(i);
    if (number < names.length) counts[number] = (counts[number] ?? 0) + 1;
    else none++;
  }
  const order = [...counts.keys()].sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
  const codeOf = new Uint8Array(names.length).fill(OTHER_CODE);
  const kinds = order.slice(0, CATEGORIES).map((number, code): Kind => {
    codeOf[number] = code;
    return { code, name: names[number] ?? "", count: counts[number] ?? 0 };
  });
  const others = order.slice(CATEGORIES).reduce((sum, number) => sum + (counts[number] ?? 0), 0);
  if (others) kinds.push({ code: OTHER_CODE, name: say("colour.other"), count: others });
  if (none) kinds.push({ code: NONE_CODE, name: say("colour.none"), count: none });
  const codes = Uint8Array.from({ length: count }, (_, index) => codeOf[numberOf(index)] ?? NONE_CODE);
  return { name, codes, kinds, ticks: null, tell: (index) => names[numberOf(index)] ?? say("colour.none") };
}

/** A middle this far from the middle of the range makes the scale go by rank. */
const LOPSIDED = 0.25;

/** Even steps of the values, or where most of them lie close together, even steps of their ranks. */
function scaleDye(field: FieldInfo, values: ArrayLike<number>): Dye {
  const [low, high] = [field.low ?? 0, field.high ?? 1];
  const sorted = Float32Array.from(Array.prototype.filter.call(values, (value: number) => !Number.isNaN(value))).sort();
  const median = sorted[sorted.length >> 1] ?? low;
  const share = (value: number): number => (value - low) / Math.max(high - low, 1e-30);
  const byRank = Math.abs(share(median) - 0.5) > LOPSIDED;
  const codes = Uint8Array.from({ length: values.length }, (_, index) => {
    const value = values[index] ?? NaN;
    if (Number.isNaN(value)) return 0;
    return 1 + Math.round((byRank ? rankIn(sorted, value) : share(value)) * STEPS);
  });
  const written = (value: number): string => (field.kind === "date" ? formatDate(value, field.by_year) : number(value));
  const tell = (index: number): string => {
    const value = values[index] ?? NaN;
    return Number.isNaN(value) ? say("colour.none") : written(value);
  };
  const ticks: Ticks = [written(low), written(byRank ? median : (low + high) / 2), written(high)];
  return { name: field.name, codes, kinds: null, ticks, tell };
}

/** The share of the sorted values that lie below `value`, its equals counted half. */
function rankIn(sorted: Float32Array, value: number): number {
  const place = (passes: (at: number) => boolean): number => {
    let [from, to] = [0, sorted.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (passes(sorted[middle] ?? 0)) from = middle + 1;
      else to = middle;
    }
    return from;
  };
  const [below, upTo] = [place((at) => at < value), place((at) => at <= value)];
  return (below + upTo - 1) / 2 / Math.max(sorted.length - 1, 1);
}

const number = (value: number): string =>
  Math.abs(value) >= 1000 || Number.isInteger(value) ? formatCount(Math.round(value)) : formatRough(value);
