/** The files beside the page: what `page/payload.py` writes, this module reads; nothing else knows the format. */

import type { Item, Prior, Tree } from "./knowledge";
import { openFile, PayloadError, rebuild } from "./source";
import { say } from "./words";

export { PayloadError };

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

export interface Region {
  label: string;
  x: number;
  y: number;
  support: number;
  purity: number;
  parent: number | null;
}

/** `measured` counts the articles that it was measured on; maps of earlier versions have the first two alone. */
export interface Quality {
  recall: Record<string, Interval>;
  question_overlap: number | null;
  trustworthiness?: Interval | null;
  continuity?: Interval | null;
  random_triplets?: Interval | null;
  distance_rank_correlation?: Interval | null;
  measured?: number | null;
}

export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** `each` values a document, one where it is not said. */
interface Column {
  type: "uint8" | "uint16" | "uint32";
  offset: number;
  each?: number;
}

type ColumnName = "x" | "y" | "recall" | "region" | "node" | "weight";

/** A column to colour and filter by; `low` and `high` are there where it is measured. */
export interface FieldInfo {
  name: string;
  kind: "category" | "number" | "date";
  type: "uint8" | "uint16" | "float32";
  low?: number;
  high?: number;
  /** Dates that are years. */
  by_year?: boolean;
}

/** A category's values are places in `names`, or their number for none; dates count days since 1970, NaN is none. */
export interface FieldValues {
  values: Uint8Array | Uint16Array | Float32Array;
  names: string[];
}

export interface MapInfo {
  format: number;
  title: string;
  documents: number;
  model: string;
  quality: Quality;
  question_region: Box | null;
  levels: Region[][];
  fields: FieldInfo[];
  /** There where there are questions. */
  knowledge: { tree: Tree; prior: Prior } | null;
  columns: Record<Exclude<ColumnName, "node" | "weight">, Column> & { node?: Column; weight?: Column };
  text_block: number;
  text_blocks: number;
  questions: number;
}

/** One value a document; `x` and `y` count 65535ths of the map's side, `recall` 255ths. */
export interface Points {
  count: number;
  x: Uint16Array;
  y: Uint16Array;
  recall: Uint8Array;
  region: Uint16Array;
  places: Places;
}

/** Where the documents hang in the tree of topics: `each` nodes a document, and their weights, which count 255ths. */
export interface Places {
  each: number;
  node: Uint16Array | Uint32Array;
  weight: Uint8Array;
}

export interface Question {
  id: string;
  question: string;
  options: string[];
  correctIndex: number;
  topic: string | null;
  /** Why the answer is right; empty where nobody has said it. */
  explanation: string;
  item: Item;
  x: number;
  y: number;
  source: number | null;
  near: number[];
}

export interface Article {
  id: string;
  text: string;
  url: string | null;
  source: string | null;
  /** Its ten nearest in meaning, the nearest first. */
  near: number[];
}

export const NO_REGION = 65535;
const FORMAT = 2;
const COORDINATE_STEPS = 65535;

async function fetchJson<T>(path: string): Promise<T> {
  const response = await openFile(path);
  try {
    return (await response.json()) as T;
  } catch {
    throw rebuild(say("failure.damaged", { path }));
  }
}

export async function loadMap(): Promise<MapInfo> {
  const map = await fetchJson<MapInfo>("data/map.json");
  if (map.format !== FORMAT) {
    throw rebuild(say("failure.format", { format: String(map.format), own: FORMAT }));
  }
  return map;
}

/** Ask for the points before the map is there that says what they are. */
export const openPoints = (): Promise<Response> => openFile("data/points.bin");

export async function loadPoints(map: MapInfo, file: Promise<Response>): Promise<Points> {
  return parsePoints(await (await file).arrayBuffer(), map);
}

export const loadTitles = (): Promise<string[]> => fetchJson<string[]>("data/titles.json");

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array } as const;

/** The values of one of the map's fields, by its number; loaded only when it is wanted. */
export async function loadField(map: Pick<MapInfo, "fields" | "documents">, number: number): Promise<FieldValues> {
  const field = map.fields[number];
  const kind = ARRAYS[field?.type ?? "uint8"];
  const path = `data/fields/${number}`;
  const [response, names] = await Promise.all([
    openFile(`${path}.bin`),
    field?.kind === "category" ? fetchJson<string[]>(`${path}.json`) : [],
  ]);
  const buffer = await response.arrayBuffer();
  if (buffer.byteLength !== map.documents * kind.BYTES_PER_ELEMENT) {
    const what = { path: `${path}.bin`, name: field?.name ?? "", documents: map.documents };
    throw rebuild(say("failure.field", what));
  }
  return { values: new kind(buffer), names };
}

export const loadQuestions = (map: MapInfo): Promise<Question[]> =>
  map.questions > 0 ? fetchJson<Question[]>("data/questions.json") : Promise.resolve([]);

/** View the columns inside the file's bytes; nothing is copied. */
export function parsePoints(buffer: ArrayBuffer, map: Pick<MapInfo, "columns" | "documents">): Points {
  const count = map.documents;
  const short = (name: ColumnName) => new Uint16Array(buffer, checked(buffer, map, name, "uint16"), count);
  const byte = (name: ColumnName) => new Uint8Array(buffer, checked(buffer, map, name, "uint8"), count);
  return {
    count, x: short("x"), y: short("y"), recall: byte("recall"), region: short("region"),
    places: parsePlaces(buffer, map),
  };
}

function parsePlaces(buffer: ArrayBuffer, map: Pick<MapInfo, "columns" | "documents">): Places {
  const { node } = map.columns;
  if (!node) return { each: 0, node: new Uint16Array(0), weight: new Uint8Array(0) };
  const each = node.each ?? 1;
  const count = map.documents * each;
  const wide = node.type === "uint32";
  const from = checked(buffer, map, "node", wide ? "uint32" : "uint16");
  return {
    each,
    node: wide ? new Uint32Array(buffer, from, count) : new Uint16Array(buffer, from, count),
    weight: new Uint8Array(buffer, checked(buffer, map, "weight", "uint8"), count),
  };
}

const WIDTHS = { uint8: 1, uint16: 2, uint32: 4 } as const;

function checked(
  buffer: ArrayBuffer,
  map: Pick<MapInfo, "columns" | "documents">,
  name: ColumnName,
  expected: Column["type"],
): number {
  const column = map.columns[name];
  const length = map.documents * (column?.each ?? 1) * WIDTHS[expected];
  if (column?.type !== expected || column.offset % 4 !== 0 || column.offset + length > buffer.byteLength) {
    throw rebuild(say("failure.values", { path: "data/points.bin", name, documents: map.documents }));
  }
  return column.offset;
}

export const mapX = (points: Points, index: number): number => (points.x[index] ?? 0) / COORDINATE_STEPS;
export const mapY = (points: Points, index: number): number => (points.y[index] ?? 0) / COORDINATE_STEPS;

/** So many blocks of texts are kept. */
const MOST_BLOCKS = 200;

/** The texts, a block at a time and only when asked for. */
export class Texts {
  private readonly blocks = new Map<number, Promise<Article[]>>();

  constructor(private readonly blockSize: number) {}

  async article(index: number): Promise<Article> {
    const number = Math.floor(index / this.blockSize);
    let block = this.blocks.get(number);
    if (!block) {
      block = fetchJson<Article[]>(`data/texts/${number}.json`);
      this.blocks.set(number, block);
      // Who saves a whole map as a file reads every block once.
      for (const oldest of this.blocks.keys()) if (this.blocks.size > MOST_BLOCKS) this.blocks.delete(oldest);
      // A failed block is forgotten, so that the next look tries again.
      block.catch(() => this.blocks.delete(number));
    }
    const article = (await block)[index % this.blockSize];
    if (!article) throw new PayloadError(say("failure.text", { number: index }));
    return article;
  }
}
