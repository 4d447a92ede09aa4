/** The server behind the page, where there is one: what it can do at present, what it finds, and where texts belong. */

import { isOneFile } from "./source";
import { say } from "./words";

/** What `page/api.py` tells of an article that was found; `row` is its index here, null where this map lacks it. */
export interface Hit {
  row: number | null;
  passage: string;
  /** Where words of the query stand in the passage, in characters (not in UTF-16's halves of them). */
  highlights: [start: number, end: number][];
}

export interface Placement {
  x: number;
  y: number;
  /** How far its nearest articles lie from it on the map, on average. */
  spread: number;
  /** The share of the map's own articles that would be placed no more surely. */
  confidence: number;
  /** Why the place is not to be believed. */
  refused: string | null;
  neighbours: { row: number; similarity: number }[];
}

interface Health {
  search: "making" | "ready" | "failed" | "none";
  place: "ready" | "failed" | "none";
}

/** A failure that can be shown to a reader as it is. */
export class ApiError extends Error {}

const MARK = "knowscape-api";
/** How long to wait before asking again how a server is: one that is getting ready, and one that was not there. */
const SOON_MS = 2000;
const LATER_MS = 15_000;
/** More hits than titles are shown, since some of them are titles that stand in the list already. */
const HITS = 12;

export class Api {
  private health: Health = { search: "none", place: "none" };
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `changed` is called whenever the server can do more, or less, than before. */
  constructor(private readonly changed: () => void) {}

  get finds(): boolean {
    return this.health.search === "ready";
  }

  get places(): boolean {
    return this.health.place === "ready";
  }

  /** Look whether a server of ours is behind the page; of any other nothing is asked that it does not have. */
  async start(): Promise<void> {
    if (isOneFile() || !location.protocol.startsWith("http")) return;
    try {
      const page = await fetch("./", { method: "HEAD" });
      if (page.headers.has(MARK)) await this.look();
    } catch {
      // A page that was saved, or a host that has gone: there is nothing to ask.
    }
  }

  async find(query: string, signal: AbortSignal): Promise<Hit[]> {
    const answer = await this.ask(`api/search?${String(new URLSearchParams({ q: query, k: String(HITS) }))}`, { signal });
    return ((await answer.json()) as { hits: Hit[] }).hits;
  }

  async place(text: string): Promise<Placement> {
    const answer = await this.ask("api/place", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
    return (await answer.json()) as Placement;
  }

  private async ask(path: string, how: RequestInit): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(path, how);
    } catch (error) {
      if (!how.signal?.aborted) this.lose();
      throw how.signal?.aborted ? error : new ApiError(say("failure.away"));
    }
    if (answer.ok) return answer;
    if (answer.status === 429) throw new ApiError(say("failure.busy"));
    if (answer.status === 401 || answer.status >= 500) this.lose();
    throw new ApiError(await reason(answer));
  }

  /** The server is gone, or cannot answer any more: go on without it, and see later whether it is back. */
  private lose(): void {
    this.become({ search: "none", place: "none" });
    this.lookIn(LATER_MS);
  }

  private async look(): Promise<void> {
    try {
      const answer = await fetch("healthz");
      if (!answer.ok) return this.lose();
      this.become((await answer.json()) as Health);
      if (this.health.search === "making") this.lookIn(SOON_MS);
    } catch {
      this.lose();
    }
  }

  private lookIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), ms);
  }

  private become(health: Health): void {
    const before = this.health;
    this.health = health;
    if (before.search !== health.search || before.place !== health.place) this.changed();
  }
}

async function reason(answer: Response): Promise<string> {
  try {
    return ((await answer.json()) as { error: string }).error;
  } catch {
    return say("failure.away");
  }
}
