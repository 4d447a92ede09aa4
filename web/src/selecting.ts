/** Choosing articles by an outline on the map: pure geometry. */

import { mapX, mapY, type Points } from "./payload";

export type Outline = readonly (readonly [x: number, y: number])[];

export const rectangle = (x0: number, y0: number, x1: number, y1: number): Outline => [
  [x0, y0],
  [x1, y0],
  [x1, y1],
  [x0, y1],
];

/** Whether a place lies inside an outline, by the parity of crossings to its right; a crossed outline has holes. */
export function inside(outline: Outline, x: number, y: number): boolean {
  let within = false;
  outline.forEach(([x0, y0], i) => {
    const [x1, y1] = outline[(i || outline.length) - 1] ?? [x0, y0];
    if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) within = !within;
  });
  return within;
}

/** The articles inside an outline in map units, in their order, of those that `among` picks. */
export function articlesInside(outline: Outline, points: Points, among: (index: number) => boolean): Uint32Array {
  const bound = (axis: 0 | 1, pick: (...values: number[]) => number): number => pick(...outline.map((at) => at[axis]));
  const [x0, x1] = [bound(0, Math.min), bound(0, Math.max)];
  const [y0, y1] = [bound(1, Math.min), bound(1, Math.max)];
  const found: number[] = [];
  for (let i = 0; i < points.count; i++) {
    const [x, y] = [mapX(points, i), mapY(points, i)];
    if (x < x0 || x > x1 || y < y0 || y > y1 || !among(i)) continue;
    if (inside(outline, x, y)) found.push(i);
  }
  return Uint32Array.from(found);
}

/** A lasso's next place counts when it is this far from the last, in pixels. */
const STEP = 3;
const MOST_CORNERS = 2000;

/** Add a place to a lasso that is being drawn, unless it says nothing new. */
export function extend(path: [number, number][], x: number, y: number): void {
  const last = path[path.length - 1];
  if (last && Math.hypot(x - last[0], y - last[1]) < STEP) return;
  if (path.length < MOST_CORNERS) path.push([x, y]);
}
