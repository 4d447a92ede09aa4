import { describe, expect, it } from "vitest";
import { pieces, Tiles, total, type Run } from "../src/tiles";

/** Points in some heaps and some all over, by a fixed rule. */
function scattered(count: number): { x: Uint16Array; y: Uint16Array } {
  const [x, y] = [new Uint16Array(count), new Uint16Array(count)];
  let seed = count;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let i = 0; i < count; i++) {
    const heap = i % 3 ? { at: 0.2 + 0.6 * ((i % 7) / 7), wide: 0.03 } : { at: 0, wide: 1 };
    x[i] = 65535 * Math.min(heap.at + heap.wide * random(), 1);
    y[i] = 65535 * Math.min(heap.at + heap.wide * random(), 1);
  }
  return { x, y };
}

const members = (tiles: Tiles, runs: readonly Run[]): number[] =>
  runs.flatMap(({ start, count }) => [...tiles.rows.subarray(start, start + count)]);

describe("the order of drawing", () => {
  it.each([0, 1, 2, 3, 10, 1000, 30_011])("has each of %i points once", (count) => {
    const { x, y } = scattered(count);
    const tiles = new Tiles(x, y);
    expect([...tiles.rows].sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
    expect(total(tiles.runs([0, 0, 1, 1]))).toBe(count);
  });

  it("draws the whole map in one run", () => {
    const { x, y } = scattered(5000);
    expect(new Tiles(x, y).runs([-0.2, -0.2, 1.2, 1.2])).toEqual([{ start: 0, count: 5000 }]);
  });

  it.each([
    [0.1, 0.1, 0.11, 0.12],
    [0.3, 0.2, 0.7, 0.9],
    [-0.5, 0.4, 0.02, 0.45],
    [0.97, 0.97, 1.3, 1.2],
  ])("draws every point of the box %f %f %f %f, once", (...box) => {
    const { x, y } = scattered(20_000);
    const tiles = new Tiles(x, y);
    const drawn = members(tiles, tiles.runs(box as [number, number, number, number]));
    const inside = [...x.keys()].filter((i) => {
      const [px, py] = [(x[i] ?? 0) / 65535, (y[i] ?? 0) / 65535];
      return px >= (box[0] ?? 0) && px <= (box[2] ?? 0) && py >= (box[1] ?? 0) && py <= (box[3] ?? 0);
    });
    const set = new Set(drawn);
    expect(set.size).toBe(drawn.length);
    expect(inside.length).toBeGreaterThan(0);
    expect(inside.filter((i) => !set.has(i))).toEqual([]);
    expect(drawn.length).toBeLessThan(20_000);
  });

  it("takes its sample fairly from every tile, and from all of the articles' order", () => {
    const count = 40_000;
    const { x, y } = scattered(count);
    const tiles = new Tiles(x, y);
    const tile = (i: number): number => ((y[i] ?? 0) >> 11) * 32 + ((x[i] ?? 0) >> 11);
    const sizes = new Map<number, number>();
    for (let i = 0; i < count; i++) sizes.set(tile(i), (sizes.get(tile(i)) ?? 0) + 1);
    for (let levels = 1; levels <= 7; levels++) {
      const sample = members(tiles, tiles.runs([0, 0, 1, 1], levels));
      const share = Tiles.share(levels);
      const taken = new Map<number, number>();
      for (const i of sample) taken.set(tile(i), (taken.get(tile(i)) ?? 0) + 1);
      for (const [at, size] of sizes) expect(Math.abs((taken.get(at) ?? 0) - size * share)).toBeLessThanOrEqual(1);
      const mean = sample.reduce((sum, i) => sum + i, 0) / sample.length / count;
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
    }
  });

  it("draws no more than it may, but for the first level", () => {
    const { x, y } = scattered(30_000);
    const tiles = new Tiles(x, y);
    for (const most of [0, 1000, 8000, 30_000]) {
      const levels = tiles.levelsWithin([0, 0, 1, 1], most);
      const drawn = total(tiles.runs([0, 0, 1, 1], levels));
      expect(drawn <= most || levels === 1).toBe(true);
      if (levels < 7) expect(total(tiles.runs([0, 0, 1, 1], levels + 1))).toBeGreaterThan(most);
    }
  });

  it("is cut into pieces that leave nothing out", () => {
    const runs = [{ start: 3, count: 10 }, { start: 20, count: 1 }, { start: 30, count: 25 }];
    const each = (some: readonly Run[]): number[] =>
      some.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i));
    for (const most of [1, 4, 11, 100]) {
      const cut = [...pieces(runs, most)];
      expect(cut.flatMap(each)).toEqual(each(runs));
      expect(cut.slice(0, -1).every((piece) => total(piece) === most)).toBe(true);
    }
  });
});
