import { describe, expect, it } from "vitest";
import { firstWords, keptAround, regionPath, webAddress, type Library } from "../src/article";

describe("a link out", () => {
  it("is made of web addresses only", () => {
    expect(webAddress("https://example.org/a%20b")?.hostname).toBe("example.org");
    expect(webAddress("http://example.org")?.protocol).toBe("http:");
    for (const bad of [
      "javascript:alert(1)",
      "data:text/html,x",
      "file:///etc/passwd",
      "/relative",
      "",
      null,
    ]) {
      expect(webAddress(bad)).toBeNull();
    }
  });
});

describe("the first words of a text", () => {
  it("are the whole text when it is short, in one line", () => {
    expect(firstWords("A  star\nis hot.")).toBe("A star is hot.");
  });

  it("end at a word and say that more follows", () => {
    expect(firstWords("Mercury is the innermost planet of the Solar System.", 30)).toBe(
      "Mercury is the innermost …",
    );
  });
});

describe("what a region keeps", () => {
  it("is the mean over its own articles, of ten", () => {
    const points = { recall: Uint8Array.of(255, 51, 0, 255), region: Uint16Array.of(2, 7, 2, 7) };
    expect(keptAround(points, 0)).toBeCloseTo(5);
    expect(keptAround(points, 1)).toBeCloseTo(6);
  });
});

describe("where an article lies", () => {
  const region = (label: string, parent: number | null) => ({
    label,
    parent,
    x: 0,
    y: 0,
    support: 1,
    purity: 1,
  });
  const levels = [
    [region("Nature", null)],
    [region("Physics", 0), region("Nature", 0)],
    [region("Optics", 0), region("Trees", 1)],
  ];
  const library = { map: { levels }, points: { region: Uint16Array.of(0, 1, 65535) } } as unknown as Library;

  it("is told from the coarse region to the fine one, each name once", () => {
    expect(regionPath(library, 0)).toEqual(["Nature", "Physics", "Optics"]);
    expect(regionPath(library, 1)).toEqual(["Nature", "Trees"]);
  });

  it("is nothing for an article outside all regions", () => {
    expect(regionPath(library, 2)).toEqual([]);
  });
});
