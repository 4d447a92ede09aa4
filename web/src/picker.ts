/** Finding articles by place: a grid over the map that is built after the first paint. */

import { mapX, mapY, type Points } from "./payload";

/** Cells a side of the grid, and the step of the points' coordinates that a cell is wide. */
const SIDE = 256;
const SHIFT = 8;

const cell = (share: number): number => Math.min(Math.max(Math.floor((share * 65535) / 2 ** SHIFT), 0), SIDE - 1);

export class Picker {
  /** The articles cell by cell, and where each cell's begin; the last entry is the end. */
  private rows = new Uint32Array(0);
  private starts: Uint32Array | null = null;

  constructor(
    private readonly points: Points,
    private readonly among: (index: number) => boolean,
  ) {}

  get ready(): boolean {
    return this.starts !== null;
  }

  build(): void {
    const { x, y, count } = this.points;
    const cellOf = (i: number): number => ((y[i] ?? 0) >> SHIFT) * SIDE + ((x[i] ?? 0) >> SHIFT);
    const starts = new Uint32Array(SIDE * SIDE + 1);
    for (let i = 0; i < count; i++) starts[cellOf(i) + 1] = (starts[cellOf(i) + 1] ?? 0) + 1;
    for (let at = 1; at < starts.length; at++) starts[at] = (starts[at] ?? 0) + (starts[at - 1] ?? 0);
    const next = starts.slice();
    this.rows = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const place = next[cellOf(i)] ?? 0;
      this.rows[place] = i;
      next[cellOf(i)] = place + 1;
    }
    this.starts = starts;
  }

  /** The article that is shown nearest to a place on the map within `reach`, or null. */
  nearest(x: number, y: number, reach: number): number | null {
    let best: number | null = null;
    let bestDistance = reach;
    this.visit(x - reach, y - reach, x + reach, y + reach, (i) => {
      const distance = Math.hypot(mapX(this.points, i) - x, mapY(this.points, i) - y);
      if (distance <= bestDistance && (best === null || distance < bestDistance)) [best, bestDistance] = [i, distance];
    });
    return best;
  }

  inBox(x0: number, y0: number, x1: number, y1: number): number[] {
    const found: number[] = [];
    this.visit(x0, y0, x1, y1, (i) => {
      const [x, y] = [mapX(this.points, i), mapY(this.points, i)];
      if (x >= x0 && x <= x1 && y >= y0 && y <= y1) found.push(i);
    });
    return found;
  }

  /** Go through what is shown in the cells that a box meets. */
  private visit(x0: number, y0: number, x1: number, y1: number, seen: (index: number) => void): void {
    const { rows, starts } = this;
    if (!starts) return;
    const [left, right] = [cell(x0), cell(x1)];
    for (let row = cell(y0); row <= cell(y1); row++) {
      const end = starts[row * SIDE + right + 1] ?? 0;
      for (let at = starts[row * SIDE + left] ?? 0; at < end; at++) {
        const i = rows[at] ?? 0;
        if (this.among(i)) seen(i);
      }
    }
  }
}
