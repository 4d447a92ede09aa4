/** Which question comes next: the most uncertain place, spread out from the places asked before. */

import { estimateAt, type Evidence, type Kernel } from "./estimate";
import type { Box, Question } from "./payload";

/** Places whose uncertainty differs by less than this count as equally uncertain. */
const TIE = 0.03;

const inside = (box: Box, q: Question): boolean =>
  q.x >= box[0] && q.x <= box[2] && q.y >= box[1] && q.y <= box[3];

function distanceToNearest(evidence: readonly Evidence[], q: Question): number {
  let nearest = Infinity;
  for (const item of evidence) nearest = Math.min(nearest, Math.hypot(item.x - q.x, item.y - q.y));
  return nearest;
}

/**
 * Return the next of the `open` questions, or null when there is none.
 *
 * Among the most uncertain places it takes the one farthest from every answer; the very first question is an easy
 * one near the region's middle.
 */
export function nextQuestion(
  open: readonly Question[],
  evidence: readonly Evidence[],
  kernel: Kernel,
  region: Box,
): Question | null {
  const within = open.filter((q) => inside(region, q));
  const candidates = within.length > 0 ? within : open;
  if (evidence.length === 0) return first(candidates, region);
  let best: Question | null = null;
  let bestScore = -Infinity;
  for (const q of candidates) {
    const steps = Math.round(estimateAt(evidence, kernel, q.x, q.y).uncertainty / TIE);
    // The distance is below 2, so it decides only among equal steps of uncertainty.
    const score = steps + distanceToNearest(evidence, q) / 2;
    if (score > bestScore) [best, bestScore] = [q, score];
  }
  return best;
}

function first(candidates: readonly Question[], region: Box): Question | null {
  const middle = [(region[0] + region[2]) / 2, (region[1] + region[3]) / 2] as const;
  const cost = (q: Question): number => (q.difficulty ?? 2) + Math.hypot(q.x - middle[0], q.y - middle[1]);
  return candidates.reduce<Question | null>((best, q) => (best && cost(best) <= cost(q) ? best : q), null);
}
