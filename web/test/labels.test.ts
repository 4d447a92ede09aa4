import { describe, expect, it } from "vitest";
import { arrange, DotGrid, overlaps, wrap, type Candidate, type Rect } from "../src/labels";

const rect = (x: number, y: number, width = 60, height = 16): Rect => ({
  x0: x,
  y0: y,
  x1: x + width,
  y1: y + height,
});
const nobody = new Map<string, number>();

describe("placing names", () => {
  it("never lets two names overlap, whatever stands where", () => {
    const candidates: Candidate[] = Array.from({ length: 300 }, (_, i) => {
      const at = rect((i * 137) % 700, (i * 89) % 500, 40 + (i % 5) * 20);
      return { id: `n${i}`, rects: [at, { ...at, y0: at.y0 + 20, y1: at.y1 + 20 }], priority: i % 7 };
    });
    const placed = arrange(candidates, { obstacles: [rect(0, 0, 200, 100)] }, nobody);
    const standing = candidates.flatMap(({ id, rects }) =>
      placed.has(id) ? [rects[placed.get(id) ?? 0] as Rect] : [],
    );
    expect(standing.length).toBeGreaterThan(20);
    standing.forEach((a, i) => standing.slice(i + 1).forEach((b) => expect(overlaps(a, b)).toBe(false)));
    standing.forEach((a) => expect(overlaps(a, rect(0, 0, 200, 100))).toBe(false));
  });

  it("gives room to the more important name", () => {
    const candidates = [
      { id: "town", rects: [rect(0, 0)], priority: 1 },
      { id: "country", rects: [rect(20, 4)], priority: 9 },
    ];
    expect([...arrange(candidates, { obstacles: [] }, nobody).keys()]).toEqual(["country"]);
  });

  it("moves a name to its second place when the first is taken", () => {
    const candidates = [
      { id: "a", rects: [rect(0, 0)], priority: 2 },
      { id: "b", rects: [rect(5, 0), rect(5, 40)], priority: 1 },
    ];
    expect(arrange(candidates, { obstacles: [] }, nobody)).toEqual(
      new Map([
        ["a", 0],
        ["b", 1],
      ]),
    );
  });

  it("keeps a standing name against a newcomer of the same rank, and in its place", () => {
    const candidates = [
      { id: "new", rects: [rect(0, 0)], priority: 1 },
      { id: "old", rects: [rect(200, 0), rect(10, 0)], priority: 1 },
    ];
    expect(arrange(candidates, { obstacles: [] }, new Map([["old", 1]]))).toEqual(new Map([["old", 1]]));
  });
});

describe("keeping clear", () => {
  it("counts the dots that a rectangle covers, as counting one by one does", () => {
    const dots = Array.from({ length: 400 }, (_, i): [number, number] => [(i * 61.3) % 300, (i * 37.7) % 200]);
    const grid = new DotGrid(300, 200, dots);
    const count = (r: Rect, by: number): number =>
      dots.filter(([x, y]) => x >= r.x0 - by && x <= r.x1 + by && y >= r.y0 - by && y <= r.y1 + by).length;
    for (let i = 0; i < 40; i++) {
      const r = rect((i * 53) % 320, (i * 29) % 210, 20 + (i % 7) * 9, 8 + (i % 4) * 5);
      expect(grid.covered(r)).toBeGreaterThanOrEqual(count(r, 2.5));
      expect(grid.covered(r)).toBeLessThanOrEqual(count(r, 2.5 + 3));
    }
  });

  it("moves a name off the dots, and leaves out a title that would cover one wherever it stands", () => {
    const dots = new DotGrid(300, 200, [
      [30, 8],
      [40, 8],
    ]);
    const places = [rect(0, 0), rect(0, 60)];
    const named = (rects: Rect[], shy: boolean): Candidate => ({ id: "name", rects, priority: 1, shy });
    const ground = { obstacles: [], dots };
    expect(arrange([named(places, false)], ground, nobody).get("name")).toBe(1);
    expect(arrange([named([rect(0, 0)], false)], ground, nobody).get("name")).toBe(0);
    expect(arrange([named([rect(0, 0)], true)], ground, nobody).size).toBe(0);
  });

  it("cuts no name at the window's side", () => {
    const ground = { obstacles: [], window: rect(0, 0, 300, 200) };
    const candidate = { id: "name", rects: [rect(-10, 50), rect(4, 50)], priority: 1 };
    expect(arrange([candidate], ground, nobody).get("name")).toBe(1);
  });
});

describe("wrapping names", () => {
  const widthOf = (text: string): number => text.length * 10;

  it("leaves a short name on one line", () => {
    expect(wrap("Moons", 120, widthOf)).toEqual(["Moons"]);
  });

  it("breaks a long name into lines as even as its words allow", () => {
    expect(wrap("Stars and stellar evolution", 160, widthOf)).toEqual(["Stars and", "stellar evolution"]);
  });

  it("never breaks a word", () => {
    expect(wrap("Electroencephalography", 60, widthOf)).toEqual(["Electroencephalography"]);
  });
});
