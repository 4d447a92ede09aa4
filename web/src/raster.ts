/** Grids over a box of the map, and their smoothing. */

import type { Box } from "./payload";

export interface Raster {
  columns: number;
  rows: number;
  box: Box;
}

/** The number of the cell that a place lies in, or -1 outside of the box. */
export function cellIn({ columns, rows, box }: Raster, x: number, y: number): number {
  const column = Math.floor(((x - box[0]) / (box[2] - box[0])) * columns);
  const row = Math.floor(((y - box[1]) / (box[3] - box[1])) * rows);
  if (x < box[0] || x > box[2] || y < box[1] || y > box[3]) return -1;
  return Math.min(row, rows - 1) * columns + Math.min(column, columns - 1);
}

/** Smooth with a fine Gaussian, and where that finds little with a broad one; both in cells. */
export function smoothed(
  values: Float32Array,
  { columns, rows }: Raster,
  fine: number,
  broad: number,
  broadWeight: number,
): Float32Array {
  const far = blur(values, columns, rows, broad);
  return blur(values, columns, rows, fine).map((value, i) => value + broadWeight * (far[i] ?? 0));
}

/** Smooth a grid with a Gaussian of `sigma` cells, rows first, then columns. */
export function blur(grid: Float32Array, columns: number, rows: number, sigma: number): Float32Array {
  const kernel = gaussian(sigma);
  const along = blurLines(grid, kernel, { lines: rows, length: columns, step: 1, across: columns });
  return blurLines(along, kernel, { lines: columns, length: rows, step: columns, across: 1 });
}

function gaussian(sigma: number): Float32Array {
  const radius = Math.ceil(sigma * 3.5);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = kernel.reduce((a, b) => a + b, 0);
  return kernel.map((value) => value / sum);
}

interface Lines {
  lines: number;
  length: number;
  /** How far in the grid it is from one cell of a line to the next, and from one line to the next. */
  step: number;
  across: number;
}

function blurLines(grid: Float32Array, kernel: Float32Array, { lines, length, step, across }: Lines): Float32Array {
  const out = new Float32Array(grid.length);
  const radius = (kernel.length - 1) / 2;
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) {
      const value = grid[line * across + i * step] ?? 0;
      if (value === 0) continue;
      const low = Math.max(i - radius, 0);
      const high = Math.min(i + radius, length - 1);
      for (let j = low; j <= high; j++) {
        const at = line * across + j * step;
        out[at] = (out[at] ?? 0) + value * (kernel[j - i + radius] ?? 0);
      }
    }
  }
  return out;
}
