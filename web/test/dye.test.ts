import { describe, expect, it } from "vitest";
import { parseHex, type Palette } from "../src/colour";
import { coloursOf, fieldDye, qualityDye, topicDye } from "../src/dye";
import { formatDate, histogram } from "../src/dates";
import type { FieldInfo, Points, Region } from "../src/payload";
import { Regions } from "../src/regions";

const hex = (n: number): string => `#0000${n.toString(16).padStart(2, "0")}`;
const palette = {
  categories: Array.from({ length: 9 }, (_, i) => parseHex(hex(i + 1))),
  other: parseHex("#ff0000"),
  sequence: ["#000000", "#000040", "#000080", "#0000c0", "#0000ff"].map(parseHex),
} as unknown as Palette;
const blue = (row: Uint8Array, code: number): number => row[code * 4 + 2] ?? -1;

/** Eleven kinds, the i-th of which i + 1 articles have, and two articles without one. */
const numbers = Array.from({ length: 11 }, (_, i) => new Array<number>(i + 1).fill(i)).flat();
const values = Uint8Array.from([...numbers, 11, 11]);
const names = Array.from({ length: 11 }, (_, i) => `kind ${i}`);

describe("kinds", () => {
  const dye = fieldDye({ name: "Kind", kind: "category", type: "uint8" }, { values, names });

  it("have a colour for the nine largest, one for the others, and one for none", () => {
    expect(dye.kinds?.map(({ name, count }) => [name, count])).toEqual([
      ...[10, 9, 8, 7, 6, 5, 4, 3, 2].map((i) => [`kind ${i}`, i + 1]),
      ["other", 3],
      ["none", 2],
    ]);
    expect(dye.codes[values.length - 3]).toBe(0);
    expect([dye.codes[0], dye.codes[1]]).toEqual([9, 9]);
    expect(dye.codes.at(-1)).toBe(10);
    const row = coloursOf(dye, palette);
    expect([blue(row, 0), blue(row, 8), row[9 * 4]]).toEqual([1, 9, 255]);
  });

  it("are named for each article, the small ones, too", () => {
    expect([dye.tell(0), dye.tell(values.length - 1)]).toEqual(["kind 0", "none"]);
  });

  it("are the coarsest regions where the colour is the topic", () => {
    const region = (label: string): Region => ({ label, parent: null, x: 0, y: 0, support: 1, purity: 1 });
    const points = { count: 3, region: Uint16Array.of(1, 0, 1) } as Points;
    const topic = topicDye(new Regions([[region("Art"), region("Music")]], points), points);
    expect(topic.kinds?.map(({ name }) => name)).toEqual(["Music", "Art"]);
    expect([...topic.codes]).toEqual([0, 1, 0]);
  });
});

describe("a scale", () => {
  const field: FieldInfo = { name: "Pages", kind: "number", type: "float32", low: 0, high: 1000 };

  it("goes by the values where they are spread, and leaves out what is missing", () => {
    const dye = fieldDye(field, { values: Float32Array.of(0, 500, 1000, NaN), names: [] });
    expect([...dye.codes]).toEqual([1, 128, 255, 0]);
    expect(dye.ticks).toEqual(["0", "500", "1,000"]);
    expect([1, 2, 3].map((index) => dye.tell(index))).toEqual(["500", "1,000", "none"]);
    const row = coloursOf(dye, palette);
    expect([blue(row, 1), blue(row, 255), row[0]]).toEqual([0, 255, 255]);
  });

  it("goes by their ranks where most lie close together, and says what its middle is", () => {
    const dye = fieldDye(field, { values: Float32Array.of(0, 1, 2, 3, 1000), names: [] });
    expect([...dye.codes]).toEqual([1, 65, 128, 192, 255]);
    expect(dye.ticks).toEqual(["0", "2", "1,000"]);
  });

  it("gives the same values the same colour, that of their middle rank", () => {
    const dye = fieldDye(field, { values: Float32Array.of(0, 0, 0, 0, 1, 1000), names: [] });
    expect([...dye.codes]).toEqual([77, 77, 77, 77, 204, 255]);
  });

  it("tells dates and years in words", () => {
    const at = fieldDye({ ...field, kind: "date", low: 0, high: 365 }, { values: Float32Array.of(0, 150), names: [] });
    expect([at.tell(0), at.ticks?.[2]]).toEqual(["Jan 1, 1970", "Jan 1, 1971"]);
    expect(formatDate(365, true)).toBe("1971");
  });

  it("tells how true the map is", () => {
    const dye = qualityDye({ recall: Uint8Array.of(0, 128, 255) } as Points);
    expect([...dye.codes]).toEqual([1, 128, 255]);
    expect(dye.tell(2)).toBe("100 % of its neighbours kept");
  });
});

describe("the histogram", () => {
  it("counts each value once, and neither what is missing nor what lies outside", () => {
    expect([...histogram([0, 1, 5, 9.9, 10, NaN, -1, 11], 0, 10, 5)]).toEqual([2, 0, 1, 0, 2]);
  });
});
