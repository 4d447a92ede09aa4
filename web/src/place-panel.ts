/** The panel where a reader puts a text of their own on the map, and sees what is near it in meaning. */

import { ApiError, type Api, type Placement } from "./api";
import { byId, element } from "./dom";
import type { Box } from "./payload";
import { formatPercent, say, translated, type Key } from "./words";

export interface PlaceEvents {
  open(): void;
  closed(): void;
  /** A text has its place, or has none. */
  placed(found: Placement | null): void;
  read(index: number): void;
}

const LEAST_REACH = 0.04;
/** Why the server refuses a place. */
export const REASONS: readonly Key[] = ["place.far", "place.scattered"];

/** The part of the map that shows a place, its circle, and the places of its neighbours, with some air. */
export function boxAround(
  { x, y, spread }: Pick<Placement, "x" | "y" | "spread">,
  to: readonly { x: number; y: number }[],
): Box {
  const reach = Math.max(spread, LEAST_REACH);
  const xs = [x - reach, x + reach, ...to.map((place) => place.x)];
  const ys = [y - reach, y + reach, ...to.map((place) => place.y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

export class PlacePanel {
  private readonly panel = byId("place");
  private readonly button = byId<HTMLButtonElement>("place-open");
  private readonly text = byId<HTMLTextAreaElement>("place-text");
  private readonly go = byId<HTMLButtonElement>("place-go");
  private readonly status = byId("place-status");
  private readonly near = byId("place-near");
  private there = false;

  constructor(
    private readonly api: Pick<Api, "places" | "place">,
    private readonly titles: readonly string[],
    private readonly events: PlaceEvents,
  ) {
    this.button.addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
    byId("place-close").addEventListener("click", () => this.close());
    this.go.addEventListener("click", () => void this.place());
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.place();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** The server can do more, or less, than before; what it has placed stays. */
  serverChanged(): void {
    this.button.hidden = !this.api.places && this.panel.hidden;
  }

  /** Close it, and take the text off the map. */
  close(): void {
    const was = !this.panel.hidden;
    this.hide();
    this.forget();
    if (!was) return;
    this.events.closed();
    this.button.focus({ preventScroll: true });
  }

  /** Make way for another card, without moving the focus; the text stays on the map. */
  hide(): void {
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    this.serverChanged();
  }

  private open(): void {
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.events.open();
    this.text.focus({ preventScroll: true });
  }

  private forget(): void {
    this.status.textContent = "";
    this.near.replaceChildren();
    if (this.there) this.events.placed(null);
    this.there = false;
  }

  private async place(): Promise<void> {
    const text = this.text.value.trim();
    if (!text || this.go.disabled) return;
    this.forget();
    this.status.textContent = say("place.placing");
    this.go.disabled = true;
    try {
      this.show(await this.api.place(text));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.status.textContent = error.message;
    } finally {
      this.go.disabled = false;
    }
  }

  private show(found: Placement): void {
    this.status.textContent = found.refused
      ? say("place.refused", { why: translated(found.refused, REASONS) })
      : say("place.sure", { share: formatPercent(found.confidence) });
    this.near.replaceChildren(this.list(found.neighbours));
    if (found.refused || this.panel.hidden) return;
    this.there = true;
    this.events.placed(found);
  }

  private list(neighbours: Placement["neighbours"]): HTMLElement {
    const items = neighbours.map(({ row, similarity }) => {
      const name = element("button", { class: "kin-name", attributes: { type: "button" } }, [
        element("bdi", { text: this.titles[row] ?? "" }),
      ]);
      name.addEventListener("click", () => this.events.read(row));
      return element("li", {}, [name, element("span", { class: "kin-rank", text: formatPercent(similarity) })]);
    });
    const heading = element("h3", { attributes: { id: "place-kin" } }, [
      element("span", { text: say("kin.name") }),
      element("span", { class: "quiet", text: say("place.alike") }),
    ]);
    return element("section", { class: "kin", attributes: { "aria-labelledby": "place-kin" } }, [
      heading,
      element("ol", {}, items),
    ]);
  }
}
