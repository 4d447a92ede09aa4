/** An article's nearest in meaning, and how near they lie on the map. */

import { element } from "./dom";
import type { Points } from "./payload";
import { say } from "./words";

/** `rank` is 1 for the article nearest on the map. */
export interface Kin {
  index: number;
  rank: number;
}

/** So many of the nearest on the map are counted as kept. */
export const KEPT = 10;

/** How many-th nearest on the map each of `near` is, seen from an article. */
export function ranksOnMap({ x, y, count }: Pick<Points, "x" | "y" | "count">, index: number, near: readonly number[]): Kin[] {
  const squared = (other: number): number =>
    ((x[other] ?? 0) - (x[index] ?? 0)) ** 2 + ((y[other] ?? 0) - (y[index] ?? 0)) ** 2;
  const reach = near.map(squared);
  const ranks = near.map(() => 1);
  for (let other = 0; other < count; other++) {
    if (other === index) continue;
    const distance = squared(other);
    for (let i = 0; i < reach.length; i++) if (distance < (reach[i] ?? 0)) ranks[i] = (ranks[i] ?? 0) + 1;
  }
  return near.map((other, i) => ({ index: other, rank: ranks[i] ?? 1 }));
}

/** List the kin of the open article; a click goes to one. */
export function listKin(kin: readonly Kin[], titles: readonly string[], go: (index: number) => void): HTMLElement {
  const items = kin.map(({ index, rank }) => {
    const button = element("button", { class: "kin-name", attributes: { type: "button" } }, [
      element("bdi", { text: titles[index] ?? "" }),
    ]);
    button.addEventListener("click", () => go(index));
    const how = element("span", { class: rank <= KEPT ? "kin-rank kept" : "kin-rank", text: say("kin.rank", { nth: rank }) });
    how.title = say("kin.rank-on-map", { nth: rank });
    return element("li", {}, [button, how]);
  });
  const heading = element("h3", { attributes: { id: "kin-title" } }, [
    element("span", { text: say("kin.name") }),
    element("span", { class: "quiet", text: say("kin.where") }),
  ]);
  return element("section", { class: "kin", attributes: { "aria-labelledby": "kin-title" } }, [
    heading,
    element("ol", {}, items),
  ]);
}
