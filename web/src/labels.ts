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
  /** It stands where it covers no dot, or not at all. */
  shy?: boolean;
}

/** What names have to keep clear of. */
export interface Ground {
  obstacles: readonly Rect[];
  /** Names stand inside it or not at all. */
  window?: Rect;
  dots?: DotGrid;
}

const GAP = 7;
const MOST = 120;
/** What it costs a name to stand in its next place, in dots covered. */
const PLACE_COST = 0.35;

export const overlaps = (a: Rect, b: Rect, gap = 0): boolean =>
  a.x0 < b.x1 + gap && a.x1 > b.x0 - gap && a.y0 < b.y1 + gap && a.y1 > b.y0 - gap;

const contains = (outer: Rect, inner: Rect): boolean =>
  inner.x0 >= outer.x0 && inner.x1 <= outer.x1 && inner.y0 >= outer.y0 && inner.y1 <= outer.y1;

/** Counts the dots in a rectangle in constant time, by sums over a grid (Crow 1984). */
export class DotGrid {
  private readonly columns: number;
  private readonly rows: number;
  private readonly sums: Uint32Array;

  constructor(width: number, height: number, dots: Iterable<readonly [x: number, y: number]>) {
    this.columns = Math.ceil(width / DotGrid.CELL);
    this.rows = Math.ceil(height / DotGrid.CELL);
    const wide = this.columns + 1;
    this.sums = new Uint32Array(wide * (this.rows + 1));
    for (const [x, y] of dots) {
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const at = (Math.floor(y / DotGrid.CELL) + 1) * wide + Math.floor(x / DotGrid.CELL) + 1;
      this.sums[at] = (this.sums[at] ?? 0) + 1;
    }
    for (let row = 1; row <= this.rows; row++) {
      let line = 0;
      for (let at = row * wide + 1; at < (row + 1) * wide; at++) {
        line += this.sums[at] ?? 0;
        this.sums[at] = line + (this.sums[at - wide] ?? 0);
      }
    }
  }

  /** The dots whose middle lies in the rectangle or within a dot's radius of it, to the width of a cell. */
  covered({ x0, y0, x1, y1 }: Rect): number {
    const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
    const [a, b] = [x0 - DotGrid.RADIUS, x1 + DotGrid.RADIUS].map((x) => x / DotGrid.CELL) as [number, number];
    const [c, d] = [y0 - DotGrid.RADIUS, y1 + DotGrid.RADIUS].map((y) => y / DotGrid.CELL) as [number, number];
    const [left, right] = [clamp(Math.floor(a), this.columns), clamp(Math.ceil(b), this.columns)];
    const [top, bottom] = [clamp(Math.floor(c), this.rows), clamp(Math.ceil(d), this.rows)];
    const sum = (row: number, column: number): number => this.sums[row * (this.columns + 1) + column] ?? 0;
    return sum(bottom, right) - sum(top, right) - sum(bottom, left) + sum(top, left);
  }

  private static readonly CELL = 3;
  private static readonly RADIUS = 2.5;
}

/**
 * Return the labels that fit, each with the number of its place: most important first, none over another or over
 * an obstacle, and each where it covers the fewest dots.
 *
 * A label that `standing` holds already keeps its rank and place against newcomers of its own rank, so that names
 * do not flicker while the map moves.
 */
export function arrange(
  candidates: readonly Candidate[],
  ground: Ground,
  standing: ReadonlyMap<string, number>,
): Map<string, number> {
  const rank = (c: Candidate): number => c.priority + (standing.has(c.id) ? 0.5 : 0);
  const sorted = [...candidates].sort((a, b) => rank(b) - rank(a) || (a.id < b.id ? -1 : 1));
  const taken: Rect[] = [...ground.obstacles];
  const placed = new Map<string, number>();
  for (const candidate of sorted) {
    if (placed.size >= MOST) break;
    const place = bestPlace(candidate, { ...ground, obstacles: taken }, standing.get(candidate.id));
    const rect = candidate.rects[place];
    if (!rect) continue;
    taken.push(rect);
    placed.set(candidate.id, place);
  }
  return placed;
}

/** The free place that covers the fewest dots, earlier ones and the one held before preferred; -1 if none is free. */
function bestPlace({ rects, shy }: Candidate, ground: Ground, before: number | undefined): number {
  const { obstacles, window, dots } = ground;
  let [best, lowest] = [-1, Infinity];
  rects.forEach((rect, place) => {
    const covered = dots?.covered(rect) ?? 0;
    const cost = covered + (place === before ? 0 : PLACE_COST * (place + 1));
    if (cost >= lowest || (shy && covered > 0) || (window && !contains(window, rect))) return;
    if (!obstacles.some((other) => overlaps(rect, other, GAP))) [best, lowest] = [place, cost];
  });
  return best;
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

/** How many levels have come in at this scale, whether they have gone since or not. */
export const levelsReached = (levels: readonly Region[][], scale: number): number =>
  levels.filter((regions, level) => scale / Math.sqrt(Math.max(regions.length, 1)) >= (COMES[level] ?? 172)).length;

/** Points get their titles when they are this many pixels apart on average. */
export const TITLE_ROOM = 42;
export const titlesVisible = (count: number, scale: number): boolean =>
  scale / Math.sqrt(Math.max(count, 1)) >= TITLE_ROOM;
