/**
 * What the answers say about the map around them: a Gaussian kernel on the map.
 *
 * The prior counts as `priorWeight` answers of value `prior` at every place; an answer at distance d counts
 * exp(-d^2 / (2 width^2)).  The uncertainty is the share of the prior's standard deviation that is left: 1 where
 * nothing is known, towards 0 with more answers near.
 */

import type { Box } from "./payload";

export interface Evidence {
  x: number;
  y: number;
  /** 1 for a right answer, 0 for a wrong one and for "I don't know". */
  value: number;
}

export interface Estimate {
  mean: number;
  uncertainty: number;
}

export interface Kernel {
  prior: number;
  priorWeight: number;
  /** Standard deviation of the kernel, in units of the map's side. */
  width: number;
}

/** A grid over a box; row 0 is the box's lower edge. */
export interface Field {
  columns: number;
  rows: number;
  box: Box;
  mean: Float32Array;
  uncertainty: Float32Array;
}

/** Kernel width as a share of the question region's side (the root of its area). */
const WIDTH_SHARE = 0.075;
const PRIOR = 0.5;
const PRIOR_WEIGHT = 0.35;

export function kernelFor(box: Box): Kernel {
  const side = Math.sqrt((box[2] - box[0]) * (box[3] - box[1]));
  return { prior: PRIOR, priorWeight: PRIOR_WEIGHT, width: side * WIDTH_SHARE };
}

export function estimateAt(evidence: readonly Evidence[], kernel: Kernel, x: number, y: number): Estimate {
  const scale = -1 / (2 * kernel.width * kernel.width);
  let weight = kernel.priorWeight;
  let sum = kernel.priorWeight * kernel.prior;
  for (const item of evidence) {
    const w = Math.exp(scale * ((item.x - x) ** 2 + (item.y - y) ** 2));
    weight += w;
    sum += w * item.value;
  }
  return { mean: sum / weight, uncertainty: Math.sqrt(kernel.priorWeight / weight) };
}

export function estimateField(evidence: readonly Evidence[], kernel: Kernel, box: Box, columns = 96): Field {
  const rows = Math.max(2, Math.round((columns * (box[3] - box[1])) / (box[2] - box[0])));
  const mean = new Float32Array(columns * rows);
  const uncertainty = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const y = box[1] + ((row + 0.5) / rows) * (box[3] - box[1]);
    for (let column = 0; column < columns; column++) {
      const x = box[0] + ((column + 0.5) / columns) * (box[2] - box[0]);
      const cell = estimateAt(evidence, kernel, x, y);
      mean[row * columns + column] = cell.mean;
      uncertainty[row * columns + column] = cell.uncertainty;
    }
  }
  return { columns, rows, box, mean, uncertainty };
}
