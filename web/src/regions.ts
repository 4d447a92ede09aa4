/** Which regions an article lies in, from the coarsest to the finest, and how far a region reaches. */

import { mapX, mapY, NO_REGION, type Box, type MapInfo, type Points, type Region } from "./payload";

/** A region by its level, 0 for the coarsest, and its number there. */
export interface RegionId {
  level: number;
  number: number;
}

/** The numbers of the regions that a finest one lies in, level by level; NO_REGION where there is none. */
export function lineage(levels: readonly Region[][], finest: number): number[] {
  const numbers = levels.map(() => NO_REGION);
  let at: number | null = finest;
  for (let level = levels.length - 1; level >= 0 && at !== null; level--) {
    const region: Region | undefined = levels[level]?.[at];
    if (!region) break;
    numbers[level] = at;
    at = region.parent;
  }
  return numbers;
}

/** A region's box leaves out this share of its articles on each side: stragglers. */
const STRAGGLERS = 0.02;
/** A box is at least this wide, a share of the map's side. */
const LEAST_SIDE = 0.01;

export class Regions {
  /** By level, each finest region's region there. */
  private readonly above: Uint16Array[];

  constructor(
    readonly levels: MapInfo["levels"],
    private readonly points: Points,
  ) {
    const finest = levels[levels.length - 1] ?? [];
    const lines = finest.map((_, number) => lineage(levels, number));
    this.above = levels.map((_, level) => Uint16Array.from(lines, (line) => line[level] ?? NO_REGION));
  }

  /** The number of an article's region on a level, or NO_REGION. */
  of(index: number, level: number): number {
    return this.above[level]?.[this.points.region[index] ?? NO_REGION] ?? NO_REGION;
  }

  region({ level, number }: RegionId): Region | null {
    return this.levels[level]?.[number] ?? null;
  }

  /** The regions around an article, coarse to fine, each name once. */
  around(index: number): RegionId[] {
    const found: RegionId[] = [];
    this.levels.forEach((_, level) => {
      const id = { level, number: this.of(index, level) };
      const [label, before] = [this.region(id)?.label, found.at(-1)];
      if (label !== undefined && label !== (before && this.region(before)?.label)) found.push(id);
    });
    return found;
  }

  members({ level, number }: RegionId): Uint32Array {
    const found: number[] = [];
    for (let i = 0; i < this.points.count; i++) if (this.of(i, level) === number) found.push(i);
    return Uint32Array.from(found);
  }

  /** How many of the articles that `among` picks each region has, level by level. */
  counts(among: (index: number) => boolean): Uint32Array[] {
    const finest = new Uint32Array(this.levels[this.levels.length - 1]?.length ?? 0);
    for (let i = 0; i < this.points.count; i++) {
      const region = this.points.region[i] ?? NO_REGION;
      if (region < finest.length && among(i)) finest[region] = (finest[region] ?? 0) + 1;
    }
    return this.levels.map((regions, level) => {
      const sums = new Uint32Array(regions.length);
      finest.forEach((count, number) => {
        const at = this.above[level]?.[number] ?? NO_REGION;
        if (at < sums.length) sums[at] = (sums[at] ?? 0) + count;
      });
      return sums;
    });
  }

  /** The box in which nearly all of a region's articles lie. */
  box(id: RegionId): Box {
    const members = this.members(id);
    const side = (at: (points: Points, index: number) => number): [number, number] => {
      const sorted = Float32Array.from(members, (index) => at(this.points, index)).sort();
      const cut = Math.floor(sorted.length * STRAGGLERS);
      const [low, high] = [sorted[cut] ?? 0, sorted[sorted.length - 1 - cut] ?? 1];
      const more = Math.max(LEAST_SIDE - (high - low), 0) / 2;
      return [low - more, high + more];
    };
    const [x, y] = [side(mapX), side(mapY)];
    return [x[0], y[0], x[1], y[1]];
  }
}
