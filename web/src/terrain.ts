/** The land: a smoothed density of the points as a height above the sea, and how true the map is there. */

import type { Points } from "./payload";
import { blur } from "./raster";

/** The grid reaches this far beyond the map's sides, so that coasts close. */
export const TERRAIN_MARGIN = 0.1;
const SIZE = 512;
const STEPS = 65535;

/** Row 0 is the lower edge; two values a cell: the height above the coast, and the mean recall. */
export interface Terrain {
  size: number;
  cells: Float32Array;
  /** The width of the smoothing, in units of the map's side: slopes are measured against it. */
  grain: number;
  /** The mean recall of all articles: places below it are the ones to mistrust. */
  recall: number;
}

/** The height of the highest place; the sea lies below 0. */
export const SUMMIT = 4;

/** This share of the articles may stand in the water: stragglers between the lands. */
const DROWNED = 0.05;
/** Broad shares of the density give the land large forms; the fine rest draws its coasts. */
const BROAD_SHARE = 0.3;
const BROAD_FACTOR = 3.2;
/** Heights inland are smoothed more than coasts are. */
const RELIEF_FACTOR = 2.1;

/** The land, in steps between which others may work. */
export function* buildTerrain(points: Points, size = SIZE): Generator<void, Terrain> {
  const grain = Math.min(Math.max(1.55 / Math.sqrt(points.count), 0.0088), 0.05);
  const cell = (1 + 2 * TERRAIN_MARGIN) / size;
  const raw = histogram(points, size, null);
  const fine = blur(raw, size, size, grain / cell);
  yield;
  const broad = blur(raw, size, size, (grain * BROAD_FACTOR) / cell);
  yield;
  const density = fine.map((value, i) => value * (1 - BROAD_SHARE) + (broad[i] ?? 0) * BROAD_SHARE);
  const relief = blur(raw, size, size, (grain * RELIEF_FACTOR) / cell);
  yield;
  const recall = ratio(
    blur(histogram(points, size, points.recall), size, size, (grain * 1.5) / cell),
    blur(raw, size, size, (grain * 1.5) / cell),
  );
  yield;
  const coast = quantile(sortedAtPoints(points, density, size), DROWNED) || 1e-12;
  const heights = sortedAtPoints(points, relief, size);
  const cells = new Float32Array(size * size * 2);
  for (let i = 0; i < size * size; i++) {
    const shore = Math.max(Math.log2((density[i] ?? 0) / coast + 1e-9), -8);
    cells[2 * i] = shore <= 0 ? shore : inland(shore, rank(heights, relief[i] ?? 0));
    cells[2 * i + 1] = recall[i] ?? 0;
  }
  return { size, cells, grain, recall: mean(points.recall) / 255 };
}

/**
 * The height of a place on land: near the coast it follows the density, inland the share of articles that stand
 * lower, so that every map has plains and peaks however its density is spread.
 */
function inland(shore: number, lower: number): number {
  const away = 1 - Math.exp(-shore * 1.1);
  return away * (0.25 + 0.75 * lower) * SUMMIT;
}

/** The share of the sorted values that lie below `value`, interpolated between them. */
function rank(sorted: Float32Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  if (high < 1 || value <= (sorted[0] ?? 0)) return 0;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle;
    else high = middle;
  }
  const [a, b] = [sorted[low] ?? 0, sorted[high] ?? 0];
  return (low + Math.min((value - a) / Math.max(b - a, 1e-12), 1)) / (sorted.length - 1);
}

export const cellOf = (coordinate: number, size: number): number => {
  const share = (coordinate / STEPS + TERRAIN_MARGIN) / (1 + 2 * TERRAIN_MARGIN);
  return Math.min(Math.floor(share * size), size - 1);
};

function histogram(points: Points, size: number, weights: Uint8Array | null): Float32Array {
  const cells = new Float32Array(size * size);
  for (let i = 0; i < points.count; i++) {
    const at = cellOf(points.y[i] ?? 0, size) * size + cellOf(points.x[i] ?? 0, size);
    cells[at] = (cells[at] ?? 0) + (weights ? (weights[i] ?? 0) / 255 : 1);
  }
  return cells;
}

function sortedAtPoints(points: Points, density: Float32Array, size: number): Float32Array {
  const step = Math.max(1, Math.floor(points.count / 20_000));
  const values = new Float32Array(Math.ceil(points.count / step));
  for (let i = 0; i < values.length; i++) {
    const at = i * step;
    values[i] = density[cellOf(points.y[at] ?? 0, size) * size + cellOf(points.x[at] ?? 0, size)] ?? 0;
  }
  return values.sort();
}

const mean = (values: Uint8Array): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);

const quantile = (sorted: Float32Array, share: number): number =>
  sorted[Math.floor(share * (sorted.length - 1))] ?? 0;

const ratio = (above: Float32Array, below: Float32Array): Float32Array =>
  above.map((value, i) => value / Math.max(below[i] ?? 0, 1e-9));
