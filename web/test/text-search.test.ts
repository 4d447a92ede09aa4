import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, type Hit } from "../src/api";
import { lineOf, TextSearch, type TextHit } from "../src/text-search";

const hit = (row: number | null): Hit => ({ row, passage: "a text", highlights: [] });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A search whose answers come when the test says so. */
function searched(finds = true) {
  const waiting: { query: string; signal: AbortSignal; answer: (hits: Hit[]) => void; fail: (error: Error) => void }[] = [];
  const found: number[][] = [];
  const api = {
    finds,
    find: (query: string, signal: AbortSignal) =>
      new Promise<Hit[]>((answer, fail) => waiting.push({ query, signal, answer, fail })),
  };
  const told = (hits: TextHit[]): void => void found.push(hits.map(({ index }) => index));
  return { search: new TextSearch(api, { asking: () => undefined, found: told }), waiting, found };
}

describe("a search through the server", () => {
  it("waits for a pause in typing", async () => {
    const { search, waiting } = searched();
    for (const typed of ["vo", "vol", "volc"]) {
      search.ask(typed);
      await vi.advanceTimersByTimeAsync(50);
    }
    await vi.advanceTimersByTimeAsync(500);
    expect(waiting.map(({ query }) => query)).toEqual(["volc"]);
  });

  it("takes only the answer to the newest query", async () => {
    const { search, waiting, found } = searched();
    search.ask("first");
    await vi.advanceTimersByTimeAsync(500);
    search.ask("second");
    expect(waiting[0]?.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    waiting[1]?.answer([hit(2), hit(null), hit(5)]);
    waiting[0]?.answer([hit(1)]);
    await vi.advanceTimersByTimeAsync(0);
    expect(found).toEqual([[2, 5]]);
  });

  it("finds nothing, at once, for a letter, for nothing, and without a server", () => {
    const { search, found } = searched();
    search.ask("a");
    search.ask("  ");
    const alone = searched(false);
    alone.search.ask("volcano");
    expect([found, alone.found]).toEqual([[[], []], [[]]]);
  });

  it("finds nothing when the server fails, and no failure of a query that was given up counts", async () => {
    const { search, waiting, found } = searched();
    search.ask("first");
    await vi.advanceTimersByTimeAsync(500);
    search.ask("second");
    await vi.advanceTimersByTimeAsync(500);
    waiting[0]?.fail(new Error("aborted"));
    waiting[1]?.fail(new ApiError("away"));
    await vi.advanceTimersByTimeAsync(0);
    expect(found).toEqual([[]]);
  });
});

describe("the line of a text", () => {
  const marked = (passage: string, highlights: [number, number][] = []): string =>
    lineOf(passage, highlights)
      .map(({ text, hit: bold }) => (bold ? `[${text}]` : text))
      .join("");

  it("is a short text itself, with what was found", () => {
    expect(marked("A volcano erupts.", [[2, 9]])).toBe("A [volcano] erupts.");
    expect(marked("")).toBe("");
  });

  it("begins shortly before the first word that was found, and holds whole words", () => {
    const passage = `${"before ".repeat(40)}volcano ${"after ".repeat(40)}`;
    const line = marked(passage, [[280, 287]]);
    expect(line).toMatch(/^… (before ){1,5}\[volcano\]( after)+ …$/);
    expect(line.length).toBeLessThan(130);
  });

  it("counts characters as the server does, and may be one long word", () => {
    expect(marked("🌋🌋 lava", [[3, 7]])).toBe("🌋🌋 [lava]");
    expect(marked("x".repeat(500))).toBe(`${"x".repeat(110)} …`);
    expect(marked(`${"x".repeat(500)} y`, [[0, 500]])).toBe(`${"x".repeat(110)} …`);
  });

  it("is one line", () => {
    expect(marked("a\n\n b\t c")).toBe("a b c");
  });
});
