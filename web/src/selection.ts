/** The selected articles as a list: how many of which region, each to open, and all of them as a file. */

import { byId, element } from "./dom";
import { heading, line, type Format } from "./export";
import { mapX, mapY } from "./payload";
import type { RegionId, Regions } from "./regions";
import type { Library } from "./article";
import { saveFile } from "./share";
import { VirtualList } from "./virtual-list";
import { formatCount, say } from "./words";

const ROW = 44;
const MOST_REGIONS = 6;
/** Rows between two pauses in which the page can do something else. */
const AT_ONCE = 256;
const DIGITS = 1e5;
const TYPES: Record<Format, string> = { csv: "text/csv", jsonl: "application/x-ndjson" };

export interface SelectionEvents {
  changed(): void;
  open(index: number): void;
  /** The reader has closed the list. */
  closed(): void;
}

export class Selection {
  members: Uint32Array = new Uint32Array(0);
  /** There where a region was selected. */
  region: RegionId | null = null;
  private readonly panel = byId("selection");
  private readonly list: VirtualList;
  private readonly status = byId("selection-status");
  private work = 0;

  constructor(
    private readonly library: Library,
    private readonly regions: Regions,
    private readonly events: SelectionEvents,
  ) {
    this.list = new VirtualList(byId("selection-list"), byId("selection-rows"), ROW, (row, count) => {
      const attributes = { "aria-setsize": String(count), "aria-posinset": String(row + 1) };
      return element("li", { attributes }, [this.row(this.members[row] ?? 0)]);
    });
    byId("selection-close").addEventListener("click", () => this.close());
    for (const format of ["csv", "jsonl"] as const) {
      byId(`selection-${format}`).addEventListener("click", () => void this.save(format));
    }
  }

  get any(): boolean {
    return this.members.length > 0;
  }

  /** Select articles in place of those before, and list them. */
  set(members: Uint32Array, region: RegionId | null): void {
    this.work++;
    this.members = members;
    this.region = region;
    byId("selection-name").textContent = say("page.articles", { count: members.length });
    byId("selection-kicker").textContent = (region && this.regions.region(region)?.label) || say("selection.kicker");
    this.status.textContent = "";
    this.showRegions();
    for (const format of ["csv", "jsonl"]) byId<HTMLButtonElement>(`selection-${format}`).disabled = members.length === 0;
    this.show(true);
    this.list.show(members.length);
    this.events.changed();
  }

  /** Show or hide the list; what is selected stays. */
  show(open: boolean): void {
    this.panel.hidden = !open;
  }

  focus(): void {
    byId("selection-name").focus({ preventScroll: true });
  }

  clear(): void {
    this.work++;
    this.show(false);
    if (!this.any && !this.region) return;
    this.members = new Uint32Array(0);
    this.region = null;
    this.events.changed();
  }

  close(): void {
    if (this.panel.hidden) return;
    this.clear();
    this.events.closed();
  }

  private row(index: number): HTMLButtonElement {
    const title = element("bdi", { text: this.library.titles[index] ?? "" });
    const button = element("button", { class: "kin-name", attributes: { type: "button" } }, [title]);
    button.addEventListener("click", () => this.events.open(index));
    return button;
  }

  /** The coarsest level that tells parts of the selection apart. */
  private showRegions(): void {
    const last = this.regions.levels.length - 1;
    let rows: [name: string, count: number][] = [];
    for (let level = 0; level <= last && rows.length < 2; level++) {
      const counts = new Map<string, number>();
      for (const index of this.members) {
        const name = this.regions.region({ level, number: this.regions.of(index, level) })?.label ?? say("selection.outside");
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      rows = [...counts].sort(([, a], [, b]) => b - a);
    }
    const most = rows[0]?.[1] ?? 1;
    byId("selection-regions").replaceChildren(
      ...rows.slice(0, MOST_REGIONS).map(([name, count]) => {
        const item = element("li", {}, [
          element("bdi", { text: name }),
          element("span", { class: "count", text: formatCount(count) }),
        ]);
        item.style.setProperty("--share", String(count / most));
        return item;
      }),
    );
  }

  private async save(format: Format): Promise<void> {
    const work = ++this.work;
    const texts = byId<HTMLInputElement>("selection-texts").checked;
    const { members } = this;
    const parts = [heading(format, texts)];
    try {
      for (const [done, index] of members.entries()) {
        if (done % AT_ONCE === 0) this.status.textContent = say("selection.saving", { done, all: members.length });
        parts.push(line(format, await this.rowOf(index, texts)));
        if (work !== this.work) return;
      }
      const name = `articles.${format}`;
      saveFile(name, parts, TYPES[format]);
      this.status.textContent = say("selection.saved", { count: members.length, name });
    } catch (error) {
      this.status.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  private async rowOf(index: number, texts: boolean): Promise<Parameters<typeof line>[1]> {
    const { points, titles } = this.library;
    const { id, text, url, source } = await this.library.texts.article(index);
    const around = this.regions.around(index).map((region) => this.regions.region(region)?.label ?? "");
    const place = (value: number): number => Math.round(value * DIGITS) / DIGITS;
    return {
      id, title: titles[index] ?? "", url: url ?? "", source: source ?? "",
      x: place(mapX(points, index)), y: place(mapY(points, index)), region: around.at(-1) ?? "",
      ...(texts && { text }),
    };
  }
}
