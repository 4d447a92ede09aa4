import { afterEach, describe, expect, it, vi } from "vitest";
import { openFile } from "../src/source";

afterEach(() => vi.unstubAllGlobals());

/** A page that is one file, with one part in it. */
function inside(path: string, content: string): void {
  vi.stubGlobal("document", {
    getElementById: (id: string) => (id === path ? { textContent: content } : null),
  });
}

async function packed(content: BlobPart): Promise<string> {
  const stream = new Blob([content]).stream().pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}

describe("a page that is one file", () => {
  it("unpacks its own parts and asks no server", async () => {
    const fetched = vi.fn();
    vi.stubGlobal("fetch", fetched);
    inside("data/titles.json", await packed('["Ångström", "日本", "</script>"]'));
    expect(await (await openFile("data/titles.json")).json()).toEqual(["Ångström", "日本", "</script>"]);
    expect(fetched).not.toHaveBeenCalled();
  });

  it("gives bytes as they were", async () => {
    inside("data/points.bin", await packed(Uint8Array.from([0, 255, 128, 10, 13])));
    const bytes = new Uint8Array(await (await openFile("data/points.bin")).arrayBuffer());
    expect([...bytes]).toEqual([0, 255, 128, 10, 13]);
  });

  it("names the part that is damaged", async () => {
    for (const content of [(await packed("x".repeat(2000))).slice(0, 24), "%%%", ""]) {
      inside("data/titles.json", content);
      await expect(openFile("data/titles.json")).rejects.toThrow(/data\/titles\.json of this file is damaged/);
    }
  });

  it("says so in a browser that cannot unpack", async () => {
    inside("data/titles.json", await packed("[]"));
    const { DecompressionStream: kept } = globalThis;
    try {
      Reflect.deleteProperty(globalThis, "DecompressionStream");
      await expect(openFile("data/titles.json")).rejects.toThrow(/too old.*2023/);
    } finally {
      globalThis.DecompressionStream = kept;
    }
  });
});

describe("a page on a server", () => {
  it("asks for the file beside it", async () => {
    vi.stubGlobal("fetch", async (path: string) => new Response(path));
    expect(await (await openFile("data/map.json")).text()).toBe("data/map.json");
  });
});
