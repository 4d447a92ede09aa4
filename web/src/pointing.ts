/** Pointing at articles: the hover card, the click, and the keyboard's cross hairs. */

import { HoverCard, placeOf, type Library } from "./article";
import { byId } from "./dom";
import type { MapView } from "./map-view";
import type { Picker } from "./picker";

const PAN_STEP = 90;
/** How far from the cross hairs the keyboard finds an article, in pixels. */
const AIM_REACH = 90;
const HOVER_REACH = 10;

export interface PointingEvents {
  open(index: number): void;
  /** A click on no article. */
  nothing(): void;
}

export class Pointing {
  private readonly map = byId("map");
  private readonly card: HoverCard;

  constructor(
    private readonly library: Library,
    private readonly view: MapView,
    private readonly picker: Picker,
    tell: (index: number) => string | null,
    private readonly events: PointingEvents,
  ) {
    this.card = new HoverCard(library, tell);
    this.map.addEventListener("keydown", (event) => this.key(event));
    this.map.addEventListener("focus", () => {
      if (this.map.matches(":focus-visible")) this.aim();
    });
    this.map.addEventListener("blur", () => this.dropAim());
    this.map.addEventListener("pointerdown", () => this.dropAim());
  }

  click(x: number, y: number, reach: number): void {
    const index = this.articleAt(x, y, reach);
    if (index === null) this.events.nothing();
    else this.events.open(index);
  }

  hover(x: number, y: number): void {
    const index = this.articleAt(x, y, HOVER_REACH);
    this.map.classList.toggle("pointing", index !== null);
    this.show(index);
  }

  leave(): void {
    this.map.classList.remove("pointing");
    if (this.view.marks.aim === null) this.show(null);
  }

  moved(): void {
    if (this.view.marks.aim) this.aim();
    else if (this.card.index !== null) this.show(null);
  }

  /** Show the card of an article, or none. */
  show(index: number | null): void {
    const { camera } = this.view;
    const place = index === null ? null : placeOf(this.library, index);
    this.card.show(
      index,
      place ? { x: camera.screenX(place.x), y: camera.screenY(place.y) } : { x: 0, y: 0 },
    );
    this.view.mark({ hovered: place });
  }

  private articleAt(x: number, y: number, reach: number): number | null {
    const { camera } = this.view;
    return this.picker.nearest(camera.mapX(x), camera.mapY(y), reach / camera.scale);
  }

  /** With the keyboard the article next to the cross hairs is the one meant. */
  private aim(): void {
    const { camera } = this.view;
    const { x, y } = this.view.middle();
    this.view.mark({ aim: { x: camera.mapX(x), y: camera.mapY(y) } });
    const before = this.card.index;
    const index = this.articleAt(x, y, AIM_REACH);
    this.show(index);
    if (index !== null && index !== before) byId("map-status").textContent = this.library.titles[index] ?? "";
  }

  private dropAim(): void {
    if (!this.view.marks.aim) return;
    this.view.mark({ aim: null });
    this.show(null);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? PAN_STEP * 3 : PAN_STEP;
    const pans: Record<string, [number, number]> = {
      ArrowLeft: [step, 0],
      ArrowRight: [-step, 0],
      ArrowUp: [0, step],
      ArrowDown: [0, -step],
    };
    const pan = pans[event.key];
    if (pan) {
      if (!this.view.marks.aim) this.aim();
      this.view.panBy(...pan);
    } else if (event.key === "Enter") {
      const { x, y } = this.view.middle();
      const index = this.articleAt(x, y, AIM_REACH);
      if (index !== null) this.events.open(index);
    } else {
      return;
    }
    event.preventDefault();
  }
}
