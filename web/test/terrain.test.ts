import { describe, expect, it } from "vitest";
import type { Points } from "../src/payload";
import { blur } from "../src/raster";
import { buildTerrain, cellOf, SUMMIT, type Terrain } from "../src/terrain";

const places = { each: 0, node: new Uint16Array(0), weight: new Uint8Array(0) };

/** Two clusters of articles, a true one to the left and an untrue one to the right. */
function twoIslands(each = 400): Points {
  const count = 2 * each;
  const points: Points = {
    count,
    x: new Uint16Array(count),
    y: new Uint16Array(count),
    recall: new Uint8Array(count),
    region: new Uint16Array(count),
    places,
  };
  for (let i = 0; i < count; i++) {
    const angle = i * 2.399963;
    const radius = 5000 * Math.sqrt((i % each) / each);
    points.x[i] = (i < each ? 15000 : 50000) + radius * Math.cos(angle);
    points.y[i] = 32000 + radius * Math.sin(angle);
    points.recall[i] = i < each ? 255 : 0;
  }
  return points;
}

function built(points: Points, size: number): Terrain {
  const steps = buildTerrain(points, size);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

describe("the land", () => {
  const size = 128;
  const terrain = built(twoIslands(), size);
  const at = (x: number, y: number, channel: number): number =>
    terrain.cells[2 * (cellOf(y, size) * size + cellOf(x, size)) + channel] ?? NaN;

  it("rises where articles are, and sea lies between them", () => {
    expect(at(15000, 32000, 0)).toBeGreaterThan(1);
    expect(at(50000, 32000, 0)).toBeGreaterThan(1);
    expect(at(32500, 32000, 0)).toBeLessThan(-1);
    expect(at(0, 0, 0)).toBeLessThan(-1);
  });

  it("never rises above the summit", () => {
    let highest = -Infinity;
    for (let i = 0; i < size * size; i++) highest = Math.max(highest, terrain.cells[2 * i] ?? 0);
    expect(highest).toBeLessThanOrEqual(SUMMIT);
    expect(highest).toBeGreaterThan(SUMMIT * 0.5);
  });

  it("knows where the map is true", () => {
    expect(at(15000, 32000, 1)).toBeGreaterThan(0.95);
    expect(at(50000, 32000, 1)).toBeLessThan(0.05);
    expect(terrain.recall).toBeCloseTo(0.5, 2);
  });

  it("is built from a single article, too", () => {
    const one: Points = {
      count: 1,
      x: Uint16Array.of(9),
      y: Uint16Array.of(9),
      recall: Uint8Array.of(255),
      region: Uint16Array.of(0),
      places,
    };
    expect(built(one, 64).cells.every(Number.isFinite)).toBe(true);
  });
});

it("blurring keeps the sum and spreads it evenly to all sides", () => {
  const grid = new Float32Array(31 * 31);
  grid[15 * 31 + 15] = 1;
  const out = blur(grid, 31, 31, 2);
  expect(out.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
  expect(out[15 * 31 + 18]).toBeCloseTo(out[18 * 31 + 15] ?? 0, 7);
});
