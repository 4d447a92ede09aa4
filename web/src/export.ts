/** Articles as the text of a CSV or JSONL file. */

export interface Row {
  id: string;
  title: string;
  url: string;
  source: string;
  x: number;
  y: number;
  region: string;
  text?: string;
}

export type Format = "csv" | "jsonl";

/** Beginnings that spreadsheets take for a formula; such cells get an apostrophe before them. */
const FORMULA = /^[=+\-@\t\r]/;

/** A cell as RFC 4180 wants it: quoted where it must be, quotes doubled. */
export function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

const COLUMNS = ["id", "title", "url", "source", "x", "y", "region"] as const;

/** The first line of a file, empty for JSONL. */
export const heading = (format: Format, texts: boolean): string =>
  format === "csv" ? `${[...COLUMNS, ...(texts ? ["text"] : [])].join(",")}\r\n` : "";

/** One article as a line; its text is there where `text` is. */
export function line(format: Format, row: Row): string {
  if (format === "jsonl") return `${JSON.stringify(row)}\n`;
  const cells = COLUMNS.map((name) => cell(row[name]));
  if (row.text !== undefined) cells.push(cell(row.text));
  return `${cells.join(",")}\r\n`;
}
