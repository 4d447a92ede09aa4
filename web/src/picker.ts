/** Finding articles by place: a k-d tree that is built after the first paint. */

import KDBush from "kdbush";
import { mapX, mapY, type Points } from "./payload";

export class Picker {
  private tree: KDBush | null = null;

  constructor(
    private readonly points: Points,
    private readonly among: (index: number) => boolean,
  ) {}

  get ready(): boolean {
    return this.tree !== null;
  }

  build(): void {
    const { x, y, count } = this.points;
    const tree = new KDBush(count, 64, Uint16Array);
    for (let i = 0; i < count; i++) tree.add(x[i] ?? 0, y[i] ?? 0);
    this.tree = tree.finish();
  }

  /** The article that is shown nearest to a place on the map within `reach`, or null. */
  nearest(x: number, y: number, reach: number): number | null {
    if (!this.tree) return null;
    let best: number | null = null;
    let bestDistance = Infinity;
    for (const i of this.tree.within(x * 65535, y * 65535, reach * 65535)) {
      if (!this.among(i)) continue;
      const distance = Math.hypot(mapX(this.points, i) - x, mapY(this.points, i) - y);
      if (distance < bestDistance) [best, bestDistance] = [i, distance];
    }
    return best;
  }

  inBox(x0: number, y0: number, x1: number, y1: number): number[] {
    const found = this.tree ? this.tree.range(x0 * 65535, y0 * 65535, x1 * 65535, y1 * 65535) : [];
    return found.filter(this.among);
  }
}
