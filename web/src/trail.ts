/** The regions under the middle of the view, coarse to fine; each flies there. */

import { byId, element } from "./dom";
import { levelsReached } from "./labels";
import type { MapView } from "./map-view";
import type { Picker } from "./picker";
import type { RegionId, Regions } from "./regions";
import { say } from "./words";

/** The trail comes when the view is this many times nearer than the whole map. */
const COMES = 1.35;
/** How far from the middle an article tells where one is, in pixels. */
const REACH = 120;
const EVERY_MS = 120;

export class Trail {
  private readonly nav = byId("trail");
  private readonly list = byId("trail-list");
  private shown = "";
  private looked = 0;
  private late = 0;

  constructor(
    private readonly view: MapView,
    private readonly regions: Regions,
    private readonly picker: Picker,
    private readonly wholeScale: () => number,
    private readonly go: (region: RegionId | null) => void,
  ) {
    view.watch(() => this.look());
  }

  /** The regions that have names at this scale around the article nearest to the middle. */
  here(): RegionId[] {
    const { camera } = this.view;
    const { x, y } = this.view.middle();
    const index = this.picker.nearest(camera.mapX(x), camera.mapY(y), REACH / camera.scale);
    if (index === null) return [];
    const reached = levelsReached(this.regions.levels, camera.scale);
    return this.regions.around(index).filter(({ level }) => level < reached);
  }

  private look(): void {
    clearTimeout(this.late);
    const now = performance.now();
    if (now - this.looked < EVERY_MS) {
      this.late = window.setTimeout(() => this.look(), EVERY_MS);
      return;
    }
    this.looked = now;
    const near = this.view.camera.scale >= COMES * this.wholeScale();
    const here = near ? this.here() : [];
    const key = JSON.stringify([near, here]);
    if (key === this.shown) return;
    this.shown = key;
    const changed = this.nav.hidden === near;
    this.nav.hidden = !near;
    const focused = [...this.list.children].findIndex((item) => item.contains(document.activeElement));
    const steps = [null, ...here].map((region) => this.step(region, region === here.at(-1)));
    this.list.replaceChildren(...steps);
    if (focused >= 0) steps[Math.min(focused, steps.length - 1)]?.querySelector("button")?.focus();
    // Of a trail that is too long the fine end is the one to see.
    this.list.scrollLeft = this.list.scrollWidth;
    if (changed) this.view.measure();
  }

  private step(region: RegionId | null, last: boolean): HTMLLIElement {
    const name = region ? (this.regions.region(region)?.label ?? "") : say("trail.whole");
    const button = element("button", { attributes: { type: "button" } }, [element("bdi", { text: name })]);
    if (last) button.setAttribute("aria-current", "location");
    button.addEventListener("click", () => this.go(region));
    return element("li", {}, [button]);
  }
}
