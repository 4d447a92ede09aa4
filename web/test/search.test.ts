import { describe, expect, it } from "vitest";
import { fold, partsOf, TitleSearch } from "../src/search";

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

describe("the parts of a title that match", () => {
  const marked = (title: string, query: string): string =>
    partsOf(title, query)
      .map(({ text, hit }) => (hit ? `[${text}]` : text))
      .join("");

  it("are the beginnings of words, else anything", () => {
    expect(marked("Chemical Equilibrium", "bri")).toBe("Chemical Equili[bri]um");
    expect(marked("Fabric bridge", "bri")).toBe("Fabric [bri]dge");
    expect(marked("Seven Bridges of Königsberg", "kon seven")).toBe("[Seven] Bridges of [Kön]igsberg");
    expect(marked("Star Trek", "TREK st")).toBe("[St]ar [Trek]");
  });

  it("are the whole title, whatever it holds", () => {
    for (const title of ["", "<b>x</b>", "ﬁ ﬁ", "𝔸 and ß", "a\u202eb"]) {
      const parts = partsOf(title, "b x");
      expect(parts.map(({ text }) => text).join("")).toBe(title);
    }
  });
});
