import { describe, expect, it } from "vitest";
import { cell, heading, line, type Row } from "../src/export";
import type { Points } from "../src/payload";
import { articlesInside, extend, inside, rectangle, type Outline } from "../src/selecting";

const grid: Points = {
  count: 121,
  x: Uint16Array.from({ length: 121 }, (_, i) => ((i % 11) / 10) * 65_535),
  y: Uint16Array.from({ length: 121 }, (_, i) => (Math.floor(i / 11) / 10) * 65_535),
} as Points;
const all = (): boolean => true;

describe("an outline", () => {
  it("that is a rectangle holds what its sides say, drawn from any corner", () => {
    for (const outline of [rectangle(0.25, 0.25, 0.55, 0.45), rectangle(0.55, 0.45, 0.25, 0.25)]) {
      expect([...articlesInside(outline, grid, all)]).toEqual([36, 37, 38, 47, 48, 49]);
    }
  });

  it("leaves out what is not shown", () => {
    expect([...articlesInside(rectangle(0.25, 0.25, 0.55, 0.45), grid, (index) => index > 40)]).toEqual([47, 48, 49]);
  });

  it("may be hollow, and crossed", () => {
    const horseshoe: Outline = [[0, 0], [1, 0], [1, 1], [0.8, 1], [0.8, 0.2], [0.2, 0.2], [0.2, 1], [0, 1]];
    expect([inside(horseshoe, 0.1, 0.9), inside(horseshoe, 0.5, 0.5), inside(horseshoe, 0.5, 0.1)]).toEqual([true, false, true]);
    const bow: Outline = [[0, 0], [1, 1], [1, 0], [0, 1]];
    expect([inside(bow, 0.1, 0.5), inside(bow, 0.5, 0.1)]).toEqual([true, false]);
  });

  it("of nothing holds nothing", () => {
    expect(articlesInside([], grid, all)).toHaveLength(0);
  });

  it("takes up a place only some pixels on", () => {
    const path: [number, number][] = [];
    for (let x = 0; x <= 10; x++) extend(path, x, 0);
    expect(path.map(([x]) => x)).toEqual([0, 3, 6, 9]);
  });
});

const row: Row = { id: "a,1", title: 'The "old" town', url: "https://example.org", source: "", x: 0.25, y: -1, region: "Towns" };

/** Read CSV as RFC 4180 has it. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replace(/""/g, '"') ?? plain);
    if (end === "\r\n") rows.push([]);
    if (end === "") break;
  }
  return rows.filter((one) => one.length > 1);
}

describe("a file of articles", () => {
  it("as CSV has a heading, and comes back whole whatever is in it", () => {
    const nasty = [',', '"', '""', "a\r\nb", "a\nb", " padded ", "日本語 \u202e", "a,b\"c\"\r\n,,", "'", "\\"];
    const rows = nasty.map((text, i) => ({ ...row, id: String(i), title: text, text: `${text}${text}` }));
    const file = heading("csv", true) + rows.map((one) => line("csv", one)).join("");
    const [head, ...read] = parse(file);
    expect(head).toEqual(["id", "title", "url", "source", "x", "y", "region", "text"]);
    expect(read.map((cells) => [cells[1], cells[7]])).toEqual(nasty.map((text) => [text, text + text]));
    expect(line("csv", row)).toBe('"a,1","The ""old"" town",https://example.org,,0.25,-1,Towns\r\n');
    expect(heading("csv", false)).toBe("id,title,url,source,x,y,region\r\n");
  });

  it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])("as CSV never begins a cell of text with a formula: %j", (text) => {
    expect(cell(text).replace(/^"/, "")[0]).toBe("'");
  });

  it("as JSONL has a line for each article, exactly", () => {
    const odd = { ...row, title: "=1\n\u2028</script>", text: "\u0000" };
    const written = line("jsonl", odd);
    expect(written.split("\n")).toHaveLength(2);
    expect(JSON.parse(written)).toEqual(odd);
    expect(heading("jsonl", true)).toBe("");
  });
});
