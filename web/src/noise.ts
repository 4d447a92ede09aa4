/** The fog's cloud: smooth noise that repeats without a seam, the same on every machine. */

export const NOISE_SIZE = 256;

/** Return bytes of a square tile; three octaves of interpolated lattice noise, spread over the whole range. */
export function cloudTile(size = NOISE_SIZE): Uint8Array {
  const sum = new Float32Array(size * size);
  [6, 13, 27].forEach((cells, octave) => addOctave(sum, size, cells, 1 / 2 ** octave));
  let low = Infinity;
  let high = -Infinity;
  for (const value of sum) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return Uint8Array.from(sum, (value) => Math.round((255 * (value - low)) / (high - low)));
}

function addOctave(sum: Float32Array, size: number, cells: number, strength: number): void {
  const lattice = Float32Array.from({ length: cells * cells }, randomFrom(cells));
  const at = (row: number, column: number): number => lattice[(row % cells) * cells + (column % cells)] ?? 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const y = (row / size) * cells;
      const x = (column / size) * cells;
      const i = Math.floor(y);
      const j = Math.floor(x);
      const v = fade(y - i);
      const u = fade(x - j);
      const below = at(i, j) * (1 - u) + at(i, j + 1) * u;
      const above = at(i + 1, j) * (1 - u) + at(i + 1, j + 1) * u;
      const index = row * size + column;
      sum[index] = (sum[index] ?? 0) + strength * (below * (1 - v) + above * v);
    }
  }
}

const fade = (t: number): number => t * t * (3 - 2 * t);

/** mulberry32, so that the cloud is the same at every visit. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
