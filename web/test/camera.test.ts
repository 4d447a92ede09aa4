import { describe, expect, it } from "vitest";
import { Camera, flight } from "../src/camera";

function camera(): Camera {
  const made = new Camera();
  made.resize(1200, 800);
  made.set({ x: 0.4, y: 0.6, scale: 900 });
  return made;
}

describe("the camera", () => {
  it("turns screen places into map places and back, y upwards", () => {
    const c = camera();
    expect(c.mapX(c.screenX(0.3))).toBeCloseTo(0.3, 10);
    expect(c.mapY(c.screenY(0.7))).toBeCloseTo(0.7, 10);
    expect(c.screenY(0.7)).toBeLessThan(c.screenY(0.6));
  });

  it("keeps the place under the pointer while zooming", () => {
    const c = camera();
    const before = [c.mapX(900), c.mapY(200)];
    c.zoomAt(1.7, 900, 200);
    expect(c.mapX(900)).toBeCloseTo(before[0] ?? 0, 10);
    expect(c.mapY(200)).toBeCloseTo(before[1] ?? 0, 10);
  });

  it("fits a box into what the cards leave free", () => {
    const c = camera();
    c.set(c.fit([0.2, 0.2, 0.8, 0.6], { top: 10, right: 400, bottom: 20, left: 30 }));
    expect(c.screenX(0.2)).toBeGreaterThanOrEqual(30 - 1e-6);
    expect(c.screenX(0.8)).toBeLessThanOrEqual(800 + 1e-6);
    expect(c.screenY(0.6)).toBeGreaterThanOrEqual(10 - 1e-6);
    expect(c.screenY(0.2)).toBeLessThanOrEqual(780 + 1e-6);
  });

  it("fits the whole map above a sheet that covers more than half of a phone", () => {
    const c = new Camera();
    c.resize(390, 844);
    c.set(c.fit([0, 0, 1, 1], { top: 118, right: 14, bottom: 480, left: 14 }));
    expect(c.screenY(1)).toBeCloseTo(118, 6);
    expect(c.screenY(0)).toBeCloseTo(364, 6);
  });

  it("never loses the map", () => {
    const c = camera();
    c.panBy(1e6, -1e6);
    c.zoomAt(1e-9, 0, 0);
    expect(c.screenX(0)).toBeLessThan(1200);
    expect(c.screenX(1)).toBeGreaterThan(0);
    expect(c.screenY(1)).toBeLessThan(800);
    expect(c.screenY(0)).toBeGreaterThan(0);
    expect(c.scale).toBe(c.minScale);
  });

  it("flies from one look to the other, rising on a far way", () => {
    const from = { x: 0.1, y: 0.1, scale: 9000 };
    const to = { x: 0.9, y: 0.9, scale: 9000 };
    expect(flight(from, to, 0, 800).x).toBe(0.1);
    expect(flight(from, to, 0, 800).scale).toBeCloseTo(9000, 6);
    expect(flight(from, to, 1, 800).x).toBeCloseTo(0.9, 10);
    expect(flight(from, to, 0.5, 800).scale).toBeLessThan(2000);
  });
});
