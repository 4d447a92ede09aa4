/** How far a view of the whole map keeps off the cards in the corners, where there is mostly sea. */

import { Camera, type Insets } from "./camera";
import type { Rect } from "./labels";
import { mapX, mapY, type Box, type Points } from "./payload";

/** At most this share of the articles may lie under the cards. */
const MOST_UNDER = 0.01;
const SAMPLE = 2000;
const STEPS = 4;

/**
 * Return the insets, with more room on the left and on the right where articles would lie under `cards`: what leaves
 * the map the largest, and at most as much as the cards are wide.
 */
export function clearOf(cards: readonly Rect[], points: Points, box: Box, camera: Camera, insets: Insets): Insets {
  const { width, height } = camera;
  const trial = new Camera();
  trial.resize(width, height);
  const lefts = between(insets.left, cards.filter(({ x1 }) => x1 < width / 2).map(({ x1 }) => x1));
  const rights = between(insets.right, cards.filter(({ x0 }) => x0 > width / 2).map(({ x0 }) => width - x0));
  let [best, scale] = [{ ...insets, left: lefts.at(-1) ?? 0, right: rights.at(-1) ?? 0 }, 0];
  for (const left of lefts) {
    for (const right of rights) {
      const look = camera.fit(box, { ...insets, left, right });
      if (look.scale <= scale) continue;
      trial.set(look);
      if (shareUnder(cards, points, trial) <= MOST_UNDER) [best, scale] = [{ ...insets, left, right }, look.scale];
    }
  }
  return best;
}

/** Some values from `least` to the largest of the others. */
function between(least: number, others: readonly number[]): number[] {
  const most = Math.max(least, ...others);
  return Array.from({ length: STEPS + 1 }, (_, step) => least + ((most - least) * step) / STEPS);
}

function shareUnder(cards: readonly Rect[], points: Points, camera: Camera): number {
  const each = Math.max(1, Math.floor(points.count / SAMPLE));
  let [seen, under] = [0, 0];
  for (let i = 0; i < points.count; i += each, seen++) {
    const [x, y] = [camera.screenX(mapX(points, i)), camera.screenY(mapY(points, i))];
    if (cards.some(({ x0, y0, x1, y1 }) => x > x0 && x < x1 && y > y0 && y < y1)) under++;
  }
  return under / Math.max(seen, 1);
}
