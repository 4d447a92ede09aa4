import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Api, ApiError } from "../src/api";

type Answer = Response | "gone";

/** A server that answers what it is told to, and notes what it was asked. */
class Server {
  readonly asked: string[] = [];
  answers: Record<string, Answer[]> = {};

  readonly fetch = (path: string): Promise<Response> => {
    this.asked.push(path);
    const name = path.split("?")[0] ?? "";
    const next = this.answers[name]?.length === 1 ? this.answers[name][0] : this.answers[name]?.shift();
    return next === undefined || next === "gone" ? Promise.reject(new TypeError("gone")) : Promise.resolve(next.clone());
  };
}

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });
const page = (ours: boolean): Response => new Response("", { headers: ours ? { "knowscape-api": "1" } : {} });
const health = (search: string, place = "ready"): Response => json({ status: "ok", search, place, reason: null });

let server: Server;
let changes: number;
let api: Api;

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  vi.stubGlobal("fetch", server.fetch);
  vi.stubGlobal("location", { protocol: "http:" });
  changes = 0;
  api = new Api(() => (changes += 1));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the server behind the page", () => {
  it("is not asked for anything where the page is a file or a folder of any host", async () => {
    vi.stubGlobal("location", { protocol: "file:" });
    await api.start();
    expect(server.asked).toEqual([]);
    vi.stubGlobal("location", { protocol: "https:" });
    server.answers = { "./": [page(false)] };
    await api.start();
    expect(server.asked).toEqual(["./"]);
    expect([api.finds, api.places, changes]).toEqual([false, false, 0]);
  });

  it("is asked again until its index is made", async () => {
    server.answers = { "./": [page(true)], healthz: [health("making"), health("making"), health("ready")] };
    await api.start();
    expect([api.finds, api.places, changes]).toEqual([false, true, 1]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([api.finds, api.places, changes]).toEqual([true, true, 2]);
    expect(server.asked.filter((path) => path === "healthz")).toHaveLength(3);
  });

  it("is done without when it goes away, and used again when it is back", async () => {
    server.answers = { "./": [page(true)], healthz: [health("ready")], "api/search": ["gone", json({ hits: [] })] };
    await api.start();
    await expect(api.find("a", new AbortController().signal)).rejects.toThrow(ApiError);
    expect([api.finds, api.places]).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect([api.finds, api.places]).toEqual([true, true]);
    expect(await api.find("a b", new AbortController().signal)).toEqual([]);
    expect(server.asked.at(-1)).toBe("api/search?q=a+b&k=12");
  });

  it.each([
    [400, true, "bad words"],
    [429, true, "too much to do"],
    [503, false, "bad words"],
    [401, false, "bad words"],
  ])("that refuses with %i stays in use: %s", async (status, stays, said) => {
    server.answers = { "./": [page(true)], healthz: [health("ready")], "api/place": [json({ error: "bad words" }, status)] };
    await api.start();
    await expect(api.place("a")).rejects.toThrow(said);
    expect(api.places).toBe(stays);
  });

  it("is not given up when the reader types on", async () => {
    server.answers = { "./": [page(true)], healthz: [health("ready")], "api/search": ["gone"] };
    await api.start();
    const typed = new AbortController();
    typed.abort();
    await expect(api.find("a", typed.signal)).rejects.not.toBeInstanceOf(ApiError);
    expect(api.finds).toBe(true);
  });
});
