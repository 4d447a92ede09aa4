import { describe, expect, it } from "vitest";
import { firstWords, keptAround, webAddress } from "../src/article";

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
