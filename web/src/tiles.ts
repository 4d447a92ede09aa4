/** The order in which points are drawn: by fineness, and then by place, so that a few runs of it draw a view. */

import type { Box } from "./payload";

/** Tiles a side of the map. */
const SIDE = 32;
/** The first level holds 2 ** (1 - LEVELS) of the points, and each next one doubles what is drawn. */
const LEVELS = 7;
const CELLS = SIDE * SIDE;
/** Coordinates count 65535ths. */
const SHIFT = 11;
const GOLDEN = 0.6180339887498949;

/** So many points of the order from `start` on. */
export interface Run {
  start: number;
  count: number;
}

/**
 * Each level takes from every tile its share of the tile's points, to less than one point, and these from all over
 * the articles' order: the first levels are a fair sample of any part of the map.
 */
export class Tiles {
  /** The article in each place of the order. */
  readonly rows: Uint32Array;
  /** Where each level's tiles begin, the last entry is the end; tiles go along x, then along y. */
  private readonly starts = new Uint32Array(LEVELS * CELLS + 1);

  constructor(x: Uint16Array, y: Uint16Array) {
    const keys = keysOf(x, y);
    for (let i = 0; i < keys.length; i++) {
      const after = (keys[i] ?? 0) + 1;
      this.starts[after] = this.startOf(after) + 1;
    }
    for (let key = 0; key < LEVELS * CELLS; key++) this.starts[key + 1] = this.startOf(key + 1) + this.startOf(key);
    const next = this.starts.slice();
    this.rows = new Uint32Array(keys.length);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] ?? 0;
      const place = next[key] ?? 0;
      this.rows[place] = i;
      next[key] = place + 1;
    }
  }

  /** The share of all points that the first levels hold. */
  static share(levels: number): number {
    return 2 ** (levels - LEVELS);
  }

  /** The points of the tiles that a box meets, in as few runs as they lie in. */
  runs(box: Box, levels = LEVELS): Run[] {
    const [x0, y0, x1, y1] = box.map((value) => Math.min(Math.max(Math.floor(value * SIDE), 0), SIDE - 1)) as [
      number, number, number, number,
    ];
    const runs: Run[] = [];
    for (let level = 0; level < levels; level++) {
      for (let row = y0; row <= y1; row++) {
        const first = level * CELLS + row * SIDE;
        const start = this.startOf(first + x0);
        const count = this.startOf(first + x1 + 1) - start;
        const last = runs.at(-1);
        if (last && last.start + last.count === start) last.count += count;
        else if (count > 0) runs.push({ start, count });
      }
    }
    return runs;
  }

  /** How many levels of a box may be drawn so that these are at most `most` points; one at least. */
  levelsWithin(box: Box, most: number): number {
    let levels = LEVELS;
    while (levels > 1 && total(this.runs(box, levels)) > most) levels--;
    return levels;
  }

  private startOf(key: number): number {
    return this.starts[key] ?? 0;
  }
}

export const total = (runs: readonly Run[]): number => runs.reduce((sum, { count }) => sum + count, 0);

/** Cut runs into pieces of at most `most` points. */
export function* pieces(runs: readonly Run[], most: number): Generator<Run[]> {
  let piece: Run[] = [];
  let room = most;
  for (let { start, count } of runs) {
    while (count > 0) {
      const some = Math.min(count, room);
      piece.push({ start, count: some });
      [start, count, room] = [start + some, count - some, room - some];
      if (room > 0) continue;
      yield piece;
      [piece, room] = [[], most];
    }
  }
  if (piece.length > 0) yield piece;
}

const tileAt = (x: number, y: number): number => (y >> SHIFT) * SIDE + (x >> SHIFT);

/** Each point's level and tile in one number. */
function keysOf(x: Uint16Array, y: Uint16Array): Uint16Array {
  const count = x.length;
  const sizes = new Uint32Array(CELLS);
  for (let i = 0; i < count; i++) {
    const tile = tileAt(x[i] ?? 0, y[i] ?? 0);
    sizes[tile] = (sizes[tile] ?? 0) + 1;
  }
  const keys = new Uint16Array(count);
  const ranks = new Uint32Array(CELLS);
  const step = strideOf(count);
  for (let n = 0, i = 0; n < count; n++, i = (i + step) % count) {
    const tile = tileAt(x[i] ?? 0, y[i] ?? 0);
    const rank = ranks[tile] ?? 0;
    ranks[tile] = rank + 1;
    // Every tile starts elsewhere in its first step: else those of few points would all be in the last levels.
    const share = (rank + ((tile * GOLDEN) % 1)) / (sizes[tile] ?? 1);
    keys[i] = Math.max(LEVELS + Math.floor(Math.log2(Math.max(share, 1e-9))), 0) * CELLS + tile;
  }
  return keys;
}

/** A step that visits all of `count` places once, and after any number of steps has been nearly everywhere. */
function strideOf(count: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let step = Math.max(Math.floor(count * GOLDEN), 1);
  while (divisor(step, count) > 1) step++;
  return step;
}
