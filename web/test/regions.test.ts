import { describe, expect, it } from "vitest";
import { NO_REGION, type Points, type Region } from "../src/payload";
import { lineage, Regions } from "../src/regions";
import { Shown } from "../src/shown";

const region = (label: string, parent: number | null): Region => ({ label, parent, x: 0, y: 0, support: 1, purity: 1 });
const levels = [
  [region("Nature", null), region("Art", null)],
  [region("Physics", 0), region("Nature", 0), region("Music", 1)],
  [region("Optics", 0), region("Trees", 1), region("Opera", 2)],
];
const finest = [0, 1, 2, NO_REGION, 2, 0];
const points: Points = {
  count: finest.length,
  x: Uint16Array.from(finest, (_, i) => i * 10_000),
  y: new Uint16Array(finest.length).fill(32_768),
  recall: new Uint8Array(finest.length),
  region: Uint16Array.from(finest),
  places: { each: 0, node: new Uint16Array(0), weight: new Uint8Array(0) },
};
const regions = new Regions(levels, points);
const names = (index: number): (string | undefined)[] => regions.around(index).map((id) => regions.region(id)?.label);

describe("where an article lies", () => {
  it("is told from the coarse region to the fine one, each name once", () => {
    expect(names(0)).toEqual(["Nature", "Physics", "Optics"]);
    expect(names(1)).toEqual(["Nature", "Trees"]);
  });

  it("is nothing for an article outside all regions", () => {
    expect(names(3)).toEqual([]);
    expect(regions.of(3, 0)).toBe(NO_REGION);
  });

  it("ends where a parent is missing", () => {
    expect(lineage([[region("a", null)], [region("b", 7)], [region("c", 0)]], 0)).toEqual([NO_REGION, 0, 0]);
  });
});

describe("a region", () => {
  it("has the articles of all regions in it, and a box around them", () => {
    expect([...regions.members({ level: 0, number: 0 })]).toEqual([0, 1, 5]);
    const [x0, y0, x1, y1] = regions.box({ level: 0, number: 0 });
    expect([x0, x1]).toEqual([0, 50_000 / 65_535].map((value) => expect.closeTo(value, 5) as number));
    expect(y1 - y0).toBeCloseTo(0.01, 5);
  });

  it("is counted on every level by what is shown", () => {
    const shown = new Shown(points.count);
    expect(regions.counts(shown.has).map((level) => [...level])).toEqual([[3, 2], [2, 1, 2], [2, 1, 2]]);
    shown.set("time", (index) => index > 1);
    expect(regions.counts(shown.has).map((level) => [...level])).toEqual([[1, 2], [1, 0, 2], [1, 0, 2]]);
  });
});

describe("the filters", () => {
  it("show what passes all of them, and tell of each change", () => {
    const shown = new Shown(6);
    let told = 0;
    shown.watch(() => told++);
    expect(shown.set("kind", null)).toBe(false);
    shown.set("kind", (index) => index % 2 === 0);
    shown.set("time", (index) => index > 1);
    expect([0, 1, 2, 3, 4, 5].filter(shown.has)).toEqual([2, 4]);
    expect([shown.count, shown.all, told]).toEqual([2, false, 2]);
    shown.set("kind", null);
    expect(shown.count).toBe(4);
    shown.set("time", null);
    expect([shown.all, told]).toEqual([true, 4]);
  });
});
