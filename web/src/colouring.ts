/** What the points are coloured by: one menu, and a legend that also shows single kinds alone. */

import { byId, element } from "./dom";
import { fieldDye, qualityDye, topicDye, type Dye, type Kind } from "./dye";
import { loadField, type MapInfo, type Points } from "./payload";
import type { Regions } from "./regions";
import { formatCount, say, type Key } from "./words";

const NAMES: Record<string, Key> = {
  plain: "colour.plain",
  knowledge: "colour.knowledge",
  topic: "colour.topic",
  quality: "colour.quality",
};

export interface ColouringEvents {
  /** Other colours, or others are shown. */
  changed(): void;
  /** The reader has chosen. */
  chosen(): void;
}

export class Colouring {
  readonly first: string;
  choice: string;
  dye: Dye | null = null;
  /** Codes of the kinds that alone are shown; all are where it is empty. */
  readonly only = new Set<number>();
  private readonly menu = byId<HTMLSelectElement>("colour");
  private readonly legend = byId("legend");
  private readonly kinds = byId("legend-kinds");
  private readonly made = new Map<string, Dye>();

  constructor(
    private readonly map: MapInfo,
    private readonly points: Points,
    private readonly regions: Regions,
    private readonly events: ColouringEvents,
  ) {
    this.first = map.questions > 0 ? "knowledge" : "plain";
    this.choice = this.first;
    const option = (value: string, text: string): HTMLOptionElement => element("option", { text, attributes: { value } });
    const own = Object.entries(NAMES).filter(([id]) => this.offers(id));
    this.menu.append(...own.map(([id, name]) => option(id, say(name))));
    if (map.fields.length) {
      const columns = map.fields.map(({ name }, number) => option(`field.${number}`, name));
      this.menu.append(element("optgroup", { attributes: { label: say("colour.columns") } }, columns));
    }
    this.menu.value = this.first;
    this.menu.addEventListener("change", () => void this.choose(this.menu.value).then(() => this.events.chosen()));
    this.show();
  }

  /** Whether this map can be coloured so. */
  offers(choice: string): boolean {
    if (choice === "knowledge") return this.map.questions > 0;
    const [, number] = /^field\.(\d+)$/.exec(choice) ?? [];
    return number === undefined ? Object.hasOwn(NAMES, choice) : Number(number) < this.map.fields.length;
  }

  /** Colour by one of the menu's choices, and show only some kinds. */
  async choose(choice: string, only: readonly number[] = []): Promise<void> {
    this.choice = choice;
    this.menu.value = choice;
    let dye: Dye | null = null;
    let problem = "";
    try {
      dye = await this.dyeOf(choice);
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    // A slow column that was not the last choice is of no more use.
    if (this.choice !== choice) return;
    this.dye = dye;
    this.only.clear();
    for (const code of only) if (dye?.kinds?.some((kind) => kind.code === code)) this.only.add(code);
    this.show();
    if (problem) byId("legend-note").textContent = problem;
    this.events.changed();
  }

  /** Whether an article's kind is among those shown; null where all are. */
  filter(): ((index: number) => boolean) | null {
    const { dye, only } = this;
    return dye && only.size ? (index) => only.has(dye.codes[index] ?? 0) : null;
  }

  showAll(): void {
    if (!this.only.size) return;
    this.only.clear();
    this.show();
    this.events.changed();
  }

  private async dyeOf(choice: string): Promise<Dye | null> {
    const made = this.made.get(choice);
    if (made) return made;
    let dye: Dye | null = null;
    if (choice === "topic") dye = topicDye(this.regions, this.points);
    if (choice === "quality") dye = qualityDye(this.points);
    const number = Number(/^field\.(\d+)$/.exec(choice)?.[1] ?? NaN);
    const field = this.map.fields[number];
    if (field) {
      byId("legend-note").textContent = say("legend.loading");
      dye = fieldDye(field, await loadField(this.map, number));
    }
    if (dye) this.made.set(choice, dye);
    return dye;
  }

  private show(): void {
    const { dye, choice } = this;
    this.legend.hidden = choice === "plain";
    byId("legend-open").hidden = this.legend.hidden;
    byId("legend-name").textContent = choice === "knowledge" ? say("page.know") : (dye?.name ?? this.menu.selectedOptions[0]?.text ?? "");
    byId("legend-heat").hidden = choice !== "knowledge";
    byId("legend-ramp").hidden = !dye?.ticks;
    byId("legend-ticks").replaceChildren(...(dye?.ticks ?? []).map((text) => element("span", { text })));
    this.kinds.hidden = !dye?.kinds;
    const most = Math.max(...(dye?.kinds ?? []).map(({ count }) => count), 1);
    this.kinds.replaceChildren(...(dye?.kinds ?? []).map((kind) => this.kind(kind, most)));
    byId("legend-note").textContent = dye?.kinds ? say("legend.only") : "";
  }

  private kind(kind: Kind, most: number): HTMLLIElement {
    const swatch = element("span", { class: "swatch", attributes: { "aria-hidden": "true" } });
    // The style sheet knows the colours, so they change with the theme.
    swatch.dataset["kind"] = String(kind.code);
    const button = element("button", { class: "kind", attributes: { type: "button" } }, [
      swatch,
      element("bdi", { text: kind.name }),
      element("span", { class: "count", text: formatCount(kind.count) }),
    ]);
    button.title = kind.name;
    button.style.setProperty("--share", String(kind.count / most));
    button.setAttribute("aria-pressed", String(this.only.has(kind.code)));
    button.addEventListener("click", () => {
      if (!this.only.delete(kind.code)) this.only.add(kind.code);
      button.setAttribute("aria-pressed", String(this.only.has(kind.code)));
      this.kinds.classList.toggle("some", this.only.size > 0);
      this.events.changed();
      this.events.chosen();
    });
    this.kinds.classList.toggle("some", this.only.size > 0);
    return element("li", {}, [button]);
  }
}
