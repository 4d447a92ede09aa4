/** Searching by words and by meaning through the server: after a pause in typing, and only the newest query. */

import { ApiError, type Api, type Hit } from "./api";
import type { Part } from "./search";

/** A hit that the map has, and the line of its text to show. */
export interface TextHit {
  index: number;
  line: Part[];
}

const PAUSE_MS = 160;
/** A single letter says too little of what is meant. */
const SHORTEST = 2;
const LINE = 110;
const BEFORE = 30;

export interface TextEvents {
  /** An answer is going to come. */
  asking(): void;
  /** What answers the newest query: nothing, and at once, where none is asked. */
  found(hits: TextHit[]): void;
}

export class TextSearch {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked: AbortController | null = null;

  constructor(
    private readonly api: Pick<Api, "finds" | "find">,
    private readonly events: TextEvents,
  ) {}

  ask(typed: string): void {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.asked = null;
    const query = typed.trim();
    if (!this.api.finds || query.length < SHORTEST) return this.events.found([]);
    this.events.asking();
    this.timer = setTimeout(() => void this.send(query), PAUSE_MS);
  }

  private async send(query: string): Promise<void> {
    const asked = new AbortController();
    this.asked = asked;
    try {
      const hits = await this.api.find(query, asked.signal);
      if (this.asked === asked) this.events.found(hits.flatMap(onMap));
    } catch (error) {
      if (this.asked !== asked) return;
      if (!(error instanceof ApiError)) throw error;
      this.events.found([]);
    }
  }
}

const onMap = ({ row, passage, highlights }: Hit): TextHit[] =>
  row === null ? [] : [{ index: row, line: lineOf(passage, highlights) }];

/** Cut a line of whole words out of a passage, around the first highlight, into parts that are highlighted or not. */
export function lineOf(passage: string, highlights: readonly (readonly [number, number])[]): Part[] {
  const characters = [...passage];
  const first = highlights[0]?.[0] ?? 0;
  const from = first > LINE - BEFORE ? wordFrom(characters, first - BEFORE, first) : 0;
  const to = wordTo(characters, from + LINE, Math.max(first, from + LINE / 2));
  const parts: Part[] = from > 0 ? [{ text: "… ", hit: false }] : [];
  let at = from;
  const take = (end: number, hit: boolean): void => {
    const text = characters.slice(at, end).join("").replace(/\s+/g, " ");
    if (text) parts.push({ text, hit });
    at = end;
  };
  for (const [start, end] of highlights) {
    if (start < at || end > to) continue;
    take(start, false);
    take(end, true);
  }
  take(to, false);
  if (to < characters.length) parts.push({ text: " …", hit: false });
  return parts;
}

/** Where the next word begins, `last` at the latest. */
function wordFrom(characters: readonly string[], from: number, last: number): number {
  while (from < last && !isSpace(characters[from - 1])) from += 1;
  return from;
}

/** Where the last whole word before `to` ends; `to` itself where none does after `first`. */
function wordTo(characters: readonly string[], to: number, first: number): number {
  if (to >= characters.length) return characters.length;
  let end = to;
  while (end > first && !isSpace(characters[end])) end -= 1;
  return end > first ? end : to;
}

const isSpace = (character: string | undefined): boolean => character !== undefined && /\s/.test(character);
