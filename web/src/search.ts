/** Searching titles: every word of the query must occur; the beginning of the title, then of a word, comes first. */

export interface Found {
  /** Best first. */
  best: number[];
  /** All that match, at most `HITS`, in the documents' order. */
  all: number[];
  total: number;
}

const HITS = 3000;

/** Lower case without marks: "Erdős" is found by "erdos". */
export const fold = (text: string): string =>
  // Most titles have nothing to take apart.
  (/^[\x00-\x7f]*$/.test(text) ? text : text.normalize("NFKD").replace(/\p{M}/gu, "")).toLowerCase();

const isLetter = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{N}]/u.test(char);

/** 0 whole title, 1 its beginning, 2 the beginning of a word, 3 inside a word, null not at all. */
export function rankOf(title: string, words: readonly string[], query: string): number | null {
  if (!words.every((word) => title.includes(word))) return null;
  if (title === query) return 0;
  if (title.startsWith(query)) return 1;
  return words.every((word) => wordStart(title, word) !== null) ? 2 : 3;
}

/** Where `word` first begins a word of the title, or null. */
function wordStart(title: string, word: string): number | null {
  for (let at = title.indexOf(word); at >= 0; at = title.indexOf(word, at + 1)) {
    if (at === 0 || !isLetter(title[at - 1])) return at;
  }
  return null;
}

export interface Part {
  text: string;
  hit: boolean;
}

/** Cut a title into the parts that the query's words match and the rest, the beginnings of words preferred. */
export function partsOf(title: string, query: string): Part[] {
  // Where folding changes the length, places in the folded title are not those in the title.
  const folded = fold(title).length === title.length ? fold(title) : title.toLowerCase();
  if (folded.length !== title.length) return [{ text: title, hit: false }];
  const hits = new Array<boolean>(title.length).fill(false);
  for (const word of fold(query).split(/\s+/).filter(Boolean)) {
    const at = wordStart(folded, word) ?? folded.indexOf(word);
    if (at >= 0) hits.fill(true, at, at + word.length);
  }
  const parts: Part[] = [];
  [...hits.keys()].forEach((i) => {
    const last = parts.at(-1);
    if (last && last.hit === hits[i]) last.text += title[i] ?? "";
    else parts.push({ text: title[i] ?? "", hit: hits[i] ?? false });
  });
  return parts;
}

export class TitleSearch {
  private readonly folded: string[] = [];

  constructor(private readonly titles: readonly string[]) {}

  /** Fold titles for `ms` milliseconds, so that the first key press does not wait; whether all are folded. */
  prepare(ms = Infinity): boolean {
    const { folded, titles } = this;
    const end = performance.now() + ms;
    while (folded.length < titles.length) {
      if (folded.length % 512 === 0 && performance.now() > end) return false;
      folded.push(fold(titles[folded.length] ?? ""));
    }
    return true;
  }

  find(text: string, limit = 12): Found {
    const query = fold(text).trim().replace(/\s+/g, " ");
    if (!query) return { best: [], all: [], total: 0 };
    this.prepare();
    const { folded } = this;
    const words = query.split(" ");
    const matches: { index: number; rank: number }[] = [];
    for (let index = 0; index < folded.length; index++) {
      const rank = rankOf(folded[index] ?? "", words, query);
      if (rank !== null) matches.push({ index, rank });
    }
    const all = matches.slice(0, HITS).map((match) => match.index);
    const length = (index: number): number => folded[index]?.length ?? 0;
    matches.sort((a, b) => a.rank - b.rank || length(a.index) - length(b.index) || a.index - b.index);
    return { best: matches.slice(0, limit).map((match) => match.index), all, total: matches.length };
  }
}
