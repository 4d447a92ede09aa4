import { describe, expect, it } from "vitest";
import type { Points } from "../src/payload";
import { Picker } from "../src/picker";

const COUNT = 3000;
const points: Points = {
  count: COUNT,
  // The golden angle spreads them over the map without order; the last stand in its corners.
  x: Uint16Array.from({ length: COUNT }, (_, i) => (i > COUNT - 3 ? (i % 2) * 65535 : (i * 40503) % 65536)),
  y: Uint16Array.from({ length: COUNT }, (_, i) => (i > COUNT - 3 ? (i % 2) * 65535 : (i * 7919 * 13) % 65536)),
  recall: new Uint8Array(COUNT),
  region: new Uint16Array(COUNT),
  places: { each: 0, node: new Uint16Array(0), weight: new Uint8Array(0) },
};
const all = [...Array(COUNT).keys()];
const at = (i: number): [number, number] => [(points.x[i] ?? 0) / 65535, (points.y[i] ?? 0) / 65535];

describe("finding articles by place", () => {
  const picker = new Picker(points, () => true);

  it("finds nothing before it is built", () => {
    expect(picker.ready).toBe(false);
    expect(picker.inBox(0, 0, 1, 1)).toEqual([]);
    picker.build();
    expect(picker.ready).toBe(true);
  });

  it.each([
    [0.5, 0.5, 0.05],
    [0, 0, 0.001],
    [1, 1, 0.001],
    [1.01, 0.5, 0.1],
    [0.25, 0.75, 0.0001],
  ])("finds the nearest to %f %f within %f", (x, y, reach) => {
    const away = (i: number): number => Math.hypot(at(i)[0] - x, at(i)[1] - y);
    const nearest = all.reduce((best, i) => (away(i) < away(best) ? i : best));
    expect(picker.nearest(x, y, reach)).toBe(away(nearest) <= reach ? nearest : null);
  });

  it.each([
    [0, 0, 1, 1],
    [0.2, 0.3, 0.21, 0.9],
    [-1, 0.99, 0.1, 2],
    [0.4, 0.4, 0.4, 0.4],
  ])("finds what lies in the box %f %f %f %f", (x0, y0, x1, y1) => {
    const inside = all.filter((i) => at(i)[0] >= x0 && at(i)[0] <= x1 && at(i)[1] >= y0 && at(i)[1] <= y1);
    expect(picker.inBox(x0, y0, x1, y1).sort((a, b) => a - b)).toEqual(inside);
  });

  it("finds only what is shown", () => {
    const some = new Picker(points, (i) => i % 2 === 0);
    some.build();
    expect(some.inBox(0, 0, 1, 1).every((i) => i % 2 === 0)).toBe(true);
    expect(some.nearest(...at(7), 0.5)).not.toBe(7);
  });
});
