import { describe, expect, it } from "vitest";
import { fold, TitleSearch } from "../src/search";

const titles = [
  "The Star",
  "Star",
  "Binary star",
  "Starfish",
  "Mustard",
  "Star Trek",
  "Erdős number",
  "Moon",
];
const named = (indices: readonly number[]): (string | undefined)[] => indices.map((index) => titles[index]);

describe("the title search", () => {
  it("puts the whole title first, then its beginning, then a word's beginning, then the inside of a word", () => {
    const { best } = new TitleSearch(titles).find("star");
    expect(named(best)).toEqual(["Star", "Starfish", "Star Trek", "The Star", "Binary star", "Mustard"]);
  });

  it("wants every word of the query, in any order", () => {
    expect(named(new TitleSearch(titles).find("trek star").best)).toEqual(["Star Trek"]);
  });

  it("finds marked letters by plain ones, and ignores case", () => {
    expect(named(new TitleSearch(titles).find("ERDOS").best)).toEqual(["Erdős number"]);
    expect(fold("Ångström")).toBe("angstrom");
  });

  it("lists the best few and counts all", () => {
    const found = new TitleSearch(titles).find("s", 2);
    expect(found.best).toHaveLength(2);
    expect(found.total).toBe(found.all.length);
    expect(found.total).toBeGreaterThan(2);
  });

  it("finds nothing for an empty query", () => {
    expect(new TitleSearch(titles).find("  ")).toEqual({ best: [], all: [], total: 0 });
  });
});
