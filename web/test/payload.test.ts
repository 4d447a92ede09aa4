import { afterEach, describe, expect, it, vi } from "vitest";
import { loadField, loadMap, mapX, mapY, parsePoints, PayloadError, Texts, type MapInfo } from "../src/payload";

const columns: MapInfo["columns"] = {
  x: { type: "uint16", offset: 0 },
  y: { type: "uint16", offset: 8 },
  recall: { type: "uint8", offset: 16 },
  region: { type: "uint16", offset: 20 },
};

function bytes(): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(28));
  [0, 65535, 13107].forEach((value, i) => view.setUint16(2 * i, value, true));
  [65535, 0, 26214].forEach((value, i) => view.setUint16(8 + 2 * i, value, true));
  [255, 0, 51].forEach((value, i) => view.setUint8(16 + i, value));
  [3, 65535, 0].forEach((value, i) => view.setUint16(20 + 2 * i, value, true));
  return view.buffer;
}

const answer = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

afterEach(() => vi.unstubAllGlobals());

describe("points.bin", () => {
  it("is read as little-endian columns, with coordinates in shares of the map's side", () => {
    const points = parsePoints(bytes(), { columns, documents: 3 });
    expect([...points.x]).toEqual([0, 65535, 13107]);
    expect(mapX(points, 2)).toBeCloseTo(0.2, 6);
    expect(mapY(points, 2)).toBeCloseTo(0.4, 6);
    expect([...points.recall]).toEqual([255, 0, 51]);
    expect([...points.region]).toEqual([3, 65535, 0]);
  });

  it("may say where each article hangs in the tree of topics", () => {
    const view = new DataView(new ArrayBuffer(48));
    new Uint8Array(view.buffer).set(new Uint8Array(bytes()));
    [7, 0, 300, 2, 1, 1].forEach((value, i) => view.setUint16(28 + 2 * i, value, true));
    [255, 0, 128, 127, 1, 254].forEach((value, i) => view.setUint8(40 + i, value));
    const more = {
      ...columns,
      node: { type: "uint16" as const, offset: 28, each: 2 },
      weight: { type: "uint8" as const, offset: 40, each: 2 },
    };
    const { places } = parsePoints(view.buffer, { columns: more, documents: 3 });
    expect([places.each, [...places.node], [...places.weight]]).toEqual([
      2,
      [7, 0, 300, 2, 1, 1],
      [255, 0, 128, 127, 1, 254],
    ]);
    expect(parsePoints(bytes(), { columns, documents: 3 }).places.each).toBe(0);
    expect(() => parsePoints(view.buffer.slice(0, 44), { columns: more, documents: 3 })).toThrow(/“weight”/);
  });

  it("is refused, naming the column, when it is too short", () => {
    expect(() => parsePoints(bytes().slice(0, 24), { columns, documents: 3 })).toThrow(
      /the values of “region” of 3 articles.*knowscape page/,
    );
  });

  it("is refused when a column has another type than this page reads", () => {
    const other = { ...columns, recall: { type: "uint16" as const, offset: 16 } };
    expect(() => parsePoints(bytes(), { columns: other, documents: 3 })).toThrow(PayloadError);
  });
});

describe("loading", () => {
  it("refuses a map of another format and says which one it reads", async () => {
    vi.stubGlobal("fetch", async () => answer({ format: 1 }));
    await expect(loadMap()).rejects.toThrow(/format 1; this page reads format 2/);
  });

  it("names the file that is missing", async () => {
    vi.stubGlobal("fetch", async () => answer({}, 404));
    await expect(loadMap()).rejects.toThrow(/data\/map\.json is missing \(status 404\)/);
  });

  it("fetches a block of texts once, and again after a failure", async () => {
    const fetched: string[] = [];
    let broken = true;
    vi.stubGlobal("fetch", async (path: string) => {
      fetched.push(path);
      if (broken) return answer({}, 500);
      return answer([
        { text: "first", url: null, source: null },
        { text: "second", url: null, source: null },
      ]);
    });
    const texts = new Texts(2);
    await expect(texts.article(5)).rejects.toThrow(PayloadError);
    broken = false;
    expect((await texts.article(5)).text).toBe("second");
    expect((await texts.article(4)).text).toBe("first");
    expect(fetched).toEqual(["data/texts/2.json", "data/texts/2.json"]);
  });
});

describe("a column", () => {
  const fields: MapInfo["fields"] = [
    { name: "kind", kind: "category", type: "uint8" },
    { name: "year", kind: "date", type: "float32", low: 1, high: 2 },
  ];
  const files: Record<string, Response> = {};

  function serve(values: Record<string, ArrayBuffer | unknown[]>): void {
    for (const [path, value] of Object.entries(values)) {
      files[path] = value instanceof ArrayBuffer ? new Response(value) : answer(value);
    }
    vi.stubGlobal("fetch", async (path: string) => files[path] ?? answer({}, 404));
  }

  it("is loaded with its names where it is of kinds, and alone where it is measured", async () => {
    serve({
      "data/fields/0.bin": Uint8Array.of(1, 0, 2).buffer,
      "data/fields/0.json": ["a", "b"],
      "data/fields/1.bin": Float32Array.of(1, NaN, 2).buffer,
    });
    const kind = await loadField({ fields, documents: 3 }, 0);
    expect([[...kind.values], kind.names]).toEqual([[1, 0, 2], ["a", "b"]]);
    expect([...(await loadField({ fields, documents: 3 }, 1)).values]).toEqual([1, NaN, 2]);
  });

  it("is refused, by name, when it is too short", async () => {
    serve({ "data/fields/1.bin": new ArrayBuffer(8) });
    await expect(loadField({ fields, documents: 3 }, 1)).rejects.toThrow(/“year” of 3 articles/);
  });
});
