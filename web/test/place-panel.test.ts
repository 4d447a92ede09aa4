import { describe, expect, it } from "vitest";
import { boxAround } from "../src/place-panel";

describe("what is shown around a text that was placed", () => {
  it("holds its circle and its neighbours", () => {
    const to = [{ x: 0.9, y: 0.5 }, { x: 0.45, y: 0.1 }];
    const [x0, y0, x1, y1] = boxAround({ x: 0.5, y: 0.5, spread: 0.1 }, to);
    expect([x0, y0, x1, y1].map((value) => Number(value.toFixed(6)))).toEqual([0.4, 0.1, 0.9, 0.6]);
  });

  it("is not a single point where all are in one place", () => {
    const [x0, , x1] = boxAround({ x: 0.5, y: 0.5, spread: 0 }, [{ x: 0.5, y: 0.5 }]);
    expect(x1 - x0).toBeGreaterThan(0.05);
  });
});
