/** Which names stand on the map: pure placing, no document. */

import type { Region } from "./payload";

export interface Rect {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface Candidate {
  id: string;
  /** The places where the label may stand, the best one first. */
  rects: readonly Rect[];
  /** Higher goes first. */
  priority: number;
}

const GAP = 7;

export const overlaps = (a: Rect, b: Rect, gap = 0): boolean =>
  a.x0 < b.x1 + gap && a.x1 > b.x0 - gap && a.y0 < b.y1 + gap && a.y1 > b.y0 - gap;

/**
 * Return the labels that fit, each with the number of its place: most important first, none over another or over
 * an obstacle.
 *
 * A label that `standing` holds already keeps its rank and place against newcomers of its own rank, so that names
 * do not flicker while the map moves.
 */
export function arrange(
  candidates: readonly Candidate[],
  obstacles: readonly Rect[],
  standing: ReadonlyMap<string, number>,
  limit = 120,
): Map<string, number> {
  const rank = (c: Candidate): number => c.priority + (standing.has(c.id) ? 0.5 : 0);
  const sorted = [...candidates].sort((a, b) => rank(b) - rank(a) || (a.id < b.id ? -1 : 1));
  const taken: Rect[] = [...obstacles];
  const placed = new Map<string, number>();
  for (const { id, rects } of sorted) {
    if (placed.size >= limit) break;
    const free = (place: number): boolean => {
      const rect = rects[place];
      return rect !== undefined && !taken.some((other) => overlaps(rect, other, GAP));
    };
    const before = standing.get(id) ?? 0;
    const place = free(before) ? before : rects.findIndex((_, i) => free(i));
    const rect = rects[place];
    if (!rect) continue;
    taken.push(rect);
    placed.set(id, place);
  }
  return placed;
}

/** Break words into lines no wider than `widest` where possible, as even as possible. */
export function wrap(text: string, widest: number, widthOf: (text: string) => number): string[] {
  const words = text.split(/\s+/).filter(Boolean);
  const count = Math.min(Math.ceil(widthOf(text) / widest), words.length, 3);
  if (count <= 1) return [words.join(" ")];
  let best: string[] = [];
  let bestWidth = Infinity;
  for (const lines of splits(words, count)) {
    const width = Math.max(...lines.map(widthOf));
    if (width < bestWidth) [best, bestWidth] = [lines, width];
  }
  return best;
}

/** All ways to cut words into `count` runs. */
function* splits(words: readonly string[], count: number): Generator<string[]> {
  if (count === 1) {
    yield [words.join(" ")];
    return;
  }
  for (let head = 1; head <= words.length - count + 1; head++) {
    for (const rest of splits(words.slice(head), count - 1)) yield [words.slice(0, head).join(" "), ...rest];
  }
}

/** A level comes in when its regions are this many pixels apart on average, and goes when they are too far apart. */
const COMES: readonly number[] = [60, 122, 172];
const GOES: readonly number[] = [1000, 1100, 2400];

export function levelVisible(level: number, regions: readonly Region[], scale: number): boolean {
  const apart = scale / Math.sqrt(Math.max(regions.length, 1));
  return apart >= (COMES[level] ?? 172) && apart <= (GOES[level] ?? 2400);
}

/** Points get their titles when they are this many pixels apart on average. */
const TITLE_ROOM = 42;
export const titlesVisible = (count: number, scale: number): boolean =>
  scale / Math.sqrt(Math.max(count, 1)) >= TITLE_ROOM;
