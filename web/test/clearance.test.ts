import { describe, expect, it } from "vitest";
import { Camera } from "../src/camera";
import { clearOf } from "../src/clearance";
import type { Box, Points } from "../src/payload";

const camera = new Camera();
camera.resize(1000, 600);
const insets = { top: 0, right: 0, bottom: 0, left: 100 };
const whole: Box = [0, 0, 1, 1];
const card = { x0: 0, y0: 400, x1: 340, y1: 600 };

const points = (places: [number, number][]): Points => ({
  count: places.length,
  x: Uint16Array.from(places, ([x]) => x * 65535),
  y: Uint16Array.from(places, ([, y]) => y * 65535),
  recall: new Uint8Array(places.length),
  region: new Uint16Array(places.length),
  places: { each: 0, node: new Uint16Array(0), weight: new Uint8Array(0) },
});
const grid = Array.from({ length: 400 }, (_, i): [number, number] => [(i % 20) / 19, Math.floor(i / 20) / 19]);

describe("the whole map", () => {
  it("stands where it is without cards, and where the corner below them is sea", () => {
    expect(clearOf([], points(grid), whole, camera, insets)).toEqual(insets);
    const sea = grid.filter(([x, y]) => x + y > 0.5);
    expect(clearOf([card], points(sea), whole, camera, insets)).toEqual(insets);
  });

  it("makes room for a card that articles would lie under, and no more than it is wide", () => {
    const { left } = clearOf([card], points(grid), whole, camera, insets);
    expect(left).toBeGreaterThan(100);
    expect(left).toBeLessThanOrEqual(340);
  });
});
