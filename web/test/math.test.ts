import { describe, expect, it } from "vitest";
import { pieces } from "../src/math";

const formulas = (text: string): string[] =>
  pieces(text)
    .filter((piece) => piece.formula)
    .map((piece) => piece.text);

describe("formulas in a text", () => {
  it("are what stands between two dollar signs", () => {
    expect(pieces("The value $O(n^2)$ of $n$?")).toEqual([
      { text: "The value ", formula: false },
      { text: "O(n^2)", formula: true },
      { text: " of ", formula: false },
      { text: "n", formula: true },
      { text: "?", formula: false },
    ]);
  });

  it("are not sums of money", () => {
    expect(formulas("It costs $5 or $10, never $ 7 $.")).toEqual([]);
  });

  it("may hold an escaped dollar sign", () => {
    expect(formulas("$a \\$ b$")).toEqual(["a \\$ b"]);
  });

  it("give back the text when they are put together", () => {
    const text = "Mass $M^{\\alpha}$, price $5 and $x$";
    expect(
      pieces(text)
        .map((piece) => (piece.formula ? `$${piece.text}$` : piece.text))
        .join(""),
    ).toBe(text);
  });
});
