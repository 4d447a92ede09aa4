import { describe, expect, it } from "vitest";
import { arrange, overlaps, wrap, type Candidate, type Rect } from "../src/labels";

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
    const placed = arrange(candidates, [rect(0, 0, 200, 100)], nobody);
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
    expect([...arrange(candidates, [], nobody).keys()]).toEqual(["country"]);
  });

  it("moves a name to its second place when the first is taken", () => {
    const candidates = [
      { id: "a", rects: [rect(0, 0)], priority: 2 },
      { id: "b", rects: [rect(5, 0), rect(5, 40)], priority: 1 },
    ];
    expect(arrange(candidates, [], nobody)).toEqual(
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
    expect(arrange(candidates, [], new Map([["old", 1]]))).toEqual(new Map([["old", 1]]));
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
