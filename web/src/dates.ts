/** Dates as days since 1970-01-01 UTC, which is how columns hold them. */

import { formatTime } from "./words";

const DAY_MS = 86_400_000;
const DAY = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" } as const;

export const yearOf = (day: number): number => new Date(day * DAY_MS).getUTCFullYear();

/** A year, or a day as the language writes it. */
export function formatDate(day: number, byYear = false): string {
  return byYear ? String(yearOf(day)) : formatTime(day * DAY_MS, DAY);
}

/** How many articles lie in each of `bins` equal parts of the time from `low` to `high`. */
export function histogram(values: ArrayLike<number>, low: number, high: number, bins: number): Uint32Array {
  const counts = new Uint32Array(bins);
  for (let i = 0; i < values.length; i++) {
    const share = ((values[i] ?? NaN) - low) / Math.max(high - low, 1e-9);
    if (share >= 0 && share <= 1) {
      const bin = Math.min(Math.floor(share * bins), bins - 1);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  return counts;
}
