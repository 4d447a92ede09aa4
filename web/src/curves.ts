/** The curves by which fog and colour follow the estimate; `shaders.ts` has the same ones for the graphics card. */

import type { Rgb } from "./colour";

/** 0 up to `low`, 1 from `high`, smooth between them. */
export function smooth(low: number, high: number, value: number): number {
  const t = Math.min(Math.max((value - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
}

/** How thick the fog is: it thins unevenly, as a cloud does; `cloud` runs from 0 (thin place) to 1. */
export function fogAt(uncertainty: number, cloud = 0.5): number {
  return smooth(0.42, 0.98, uncertainty + (cloud - 0.5) * 0.34 * (1 - uncertainty * uncertainty));
}

/** How strongly the knowledge scale colours the land. */
export const clearAt = (uncertainty: number): number => 1 - smooth(0.3, 1, uncertainty);

export const mix = (a: Rgb, b: Rgb, share: number): Rgb => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];
