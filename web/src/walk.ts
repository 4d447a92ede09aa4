/** A random walk on the grid of logits, on which knowledge lies; as `walk` and `normal` in `quiz/estimate.py`. */

const REACH = 20;
export const SPACING = 0.5;
/** How many values the grid has. */
export const COUNT = 2 * REACH + 1;
export const GRID = Float64Array.from({ length: COUNT }, (_, i) => (i - REACH) * SPACING);

export const expit = (x: number): number => 1 / (1 + Math.exp(-x));

/** Eigenvectors by place and wave, and the rates at which they fade. */
const VECTORS = new Float64Array(COUNT * COUNT);
const RATES = new Float64Array(COUNT);
for (let wave = 0; wave < COUNT; wave++) {
  RATES[wave] = (1 - Math.cos((Math.PI * wave) / COUNT)) / SPACING ** 2;
  const size = Math.sqrt((wave === 0 ? 1 : 2) / COUNT);
  for (let place = 0; place < COUNT; place++) {
    VECTORS[place * COUNT + wave] = Math.cos((Math.PI * wave * (2 * place + 1)) / (2 * COUNT)) * size;
  }
}

const walks = new Map<number, Float64Array>();

/** Where a walk is after it has gained `variance`: the chance of each value (column) by the value before (row). */
export function walk(variance: number): Float64Array {
  let made = walks.get(variance);
  if (!made) {
    made = new Float64Array(COUNT * COUNT);
    const fading = VECTORS.map((value, i) => value * Math.exp(-(RATES[i % COUNT] ?? 0) * variance));
    for (let i = 0; i < COUNT; i++) {
      for (let j = 0; j < COUNT; j++) {
        made[i * COUNT + j] = Math.max(dot(fading, i * COUNT, VECTORS, j * COUNT), 0);
      }
    }
    walks.set(variance, made);
  }
  return made;
}

/** The chances of a walk that starts at `mean`, or at the two values beside it. */
export function normal(mean: number, variance: number): Float64Array {
  const held = Math.min(Math.max(mean, -REACH * SPACING), REACH * SPACING);
  const start = GRID.map((value) => Math.max(0, 1 - Math.abs(value - held) / SPACING));
  return times(walk(variance), start);
}

/** The sum of products of two stretches of COUNT values. */
export function dot(one: Float64Array, from: number, other: Float64Array, start: number): number {
  let sum = 0;
  for (let i = 0; i < COUNT; i++) sum += (one[from + i] ?? 0) * (other[start + i] ?? 0);
  return sum;
}

/** A matrix times the stretch of COUNT values that starts at `from`. */
export function times(matrix: Float64Array, values: Float64Array, from = 0): Float64Array {
  const out = new Float64Array(COUNT);
  for (let i = 0; i < COUNT; i++) out[i] = dot(matrix, i * COUNT, values, from);
  return out;
}
