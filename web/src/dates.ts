/** Dates as days since 1970-01-01 UTC, which is how columns hold them. */

const DAY_MS = 86_400_000;
const days = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const yearOf = (day: number): number => new Date(day * DAY_MS).getUTCFullYear();

/** A year, or a day such as "31 May 2001". */
export function formatDate(day: number, byYear = false): string {
  if (byYear) return String(yearOf(day));
  const parts = new Map(days.formatToParts(day * DAY_MS).map(({ type, value }) => [type, value]));
  return `${parts.get("day") ?? ""} ${parts.get("month") ?? ""} ${parts.get("year") ?? ""}`;
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
