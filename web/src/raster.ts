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
  return blurColumns(blurRows(grid, kernel, columns), kernel, columns, rows);
}

function gaussian(sigma: number): Float32Array {
  const radius = Math.ceil(sigma * 3.5);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = kernel.reduce((a, b) => a + b, 0);
  return kernel.map((value) => value / sum);
}

function blurRows(grid: Float32Array, kernel: Float32Array, columns: number): Float32Array {
  const out = new Float32Array(grid.length);
  const radius = (kernel.length - 1) / 2;
  for (let from = 0; from < grid.length; from += columns) {
    for (let i = 0; i < columns; i++) {
      const value = grid[from + i]!;
      if (value === 0) continue;
      const high = Math.min(i + radius, columns - 1);
      for (let j = Math.max(i - radius, 0); j <= high; j++) out[from + j]! += value * kernel[j - i + radius]!;
    }
  }
  return out;
}

/** A whole row at a time, as the grid lies in memory. */
function blurColumns(grid: Float32Array, kernel: Float32Array, columns: number, rows: number): Float32Array {
  const out = new Float32Array(grid.length);
  const radius = (kernel.length - 1) / 2;
  for (let row = 0; row < rows; row++) {
    const high = Math.min(row + radius, rows - 1);
    for (let other = Math.max(row - radius, 0); other <= high; other++) {
      const weight = kernel[other - row + radius]!;
      const [to, from] = [row * columns, other * columns];
      for (let i = 0; i < columns; i++) out[to + i]! += weight * grid[from + i]!;
    }
  }
  return out;
}
