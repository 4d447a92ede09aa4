/** The map as a table, to be read without seeing it: the articles by region, how true their places are, what is known. */

import type { Library } from "./article";
import { byId, element } from "./dom";
import { KEPT } from "./kin";
import type { MapView } from "./map-view";
import { NO_REGION } from "./payload";
import type { Picker } from "./picker";
import type { RegionId } from "./regions";
import type { Shown } from "./shown";
import { interval } from "./survey";
import { VirtualList } from "./virtual-list";
import { compareTexts, formatPercent, formatPercents, say } from "./words";

export interface TableEvents {
  open(index: number): void;
  /** Show a region on the map, or the whole map. */
  fly(region: RegionId | null): void;
  /** Every article's mean and standard deviation, where there is a quiz. */
  known(): { mean: Float32Array; sd: Float32Array } | null;
}

type Column = "title" | "region" | "kept" | "knowledge";

/** A heading over the articles of one finest region. */
interface Heading {
  region: RegionId | null;
  /** With the names of the regions around it, and its own alone. */
  name: string;
  own: string;
}

const ROW = 52;
/** More rows would be higher than browsers can scroll. */
const MOST = 300_000;
/** The menu offers the regions of so many levels. */
const LEVELS = 2;
const [VIEW, WHOLE] = ["view", "whole"];
/** What it covers takes no focus while it is open. */
const COVERED = "#map, #quiz, #trail, #reading, #legend-open, .tools, .deck";

export class TableView {
  private readonly panel = byId("table");
  private readonly opener = byId("table-open");
  private readonly where = byId<HTMLSelectElement>("table-where");
  private readonly list: VirtualList;
  private readonly columns: Column[];
  private column: Column = "region";
  private down = false;
  private headings: Heading[] = [];
  /** Articles by their index, and before those of a region the place of its heading, counted down from -1. */
  private rows: number[] = [];
  private knowledge: ReturnType<TableEvents["known"]> = null;

  constructor(
    private readonly library: Library,
    private readonly view: MapView,
    private readonly picker: Picker,
    private readonly shown: Shown,
    private readonly events: TableEvents,
  ) {
    this.columns = library.map.questions > 0 ? ["title", "region", "kept", "knowledge"] : ["title", "region", "kept"];
    this.list = new VirtualList(byId("table-rows"), byId("table-body"), ROW, (row) => this.row(row));
    this.opener.addEventListener("click", () => this.toggle());
    byId("table-close").addEventListener("click", () => this.close());
    this.where.append(...this.places());
    this.where.addEventListener("change", () => this.refresh());
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.close();
    });
    shown.watch(() => this.refresh());
    this.showHead();
  }

  get isOpen(): boolean {
    return !this.panel.hidden;
  }

  toggle(): void {
    if (this.isOpen) return this.close();
    this.show(true);
    this.refresh();
    byId("table-name").focus({ preventScroll: true });
  }

  close(): void {
    if (!this.isOpen) return;
    this.show(false);
    this.opener.focus({ preventScroll: true });
  }

  /** The keyboard goes on at an article. */
  focus(index: number): void {
    const row = this.rows.indexOf(index);
    if (row < 0) byId("table-name").focus({ preventScroll: true });
    else this.list.focus(row);
  }

  /** List the articles anew: others are shown, or their titles have come. */
  refresh(): void {
    if (!this.isOpen) return;
    this.knowledge = this.events.known();
    const articles = this.articles();
    this.rows = this.sorted(articles);
    const all = this.rows.length;
    if (all > MOST) this.rows.length = MOST;
    byId("table-table").setAttribute("aria-rowcount", String(this.rows.length + 1));
    byId("table-count").textContent =
      all > MOST ? say("table.first", { shown: MOST, all }) : say("page.articles", { count: articles.length });
    this.list.show(this.rows.length);
  }

  private show(open: boolean): void {
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    for (const covered of document.querySelectorAll<HTMLElement>(COVERED)) covered.inert = open;
  }

  private places(): HTMLOptionElement[] {
    const option = (value: string, text: string): HTMLOptionElement => element("option", { text, attributes: { value } });
    const { levels } = this.library.regions;
    const below = (level: number, parent: number | null): HTMLOptionElement[] =>
      (level < LEVELS ? (levels[level] ?? []) : []).flatMap((region, number) =>
        region.parent === parent || level === 0
          ? [option(`${level}.${number}`, `${"\u2003".repeat(level)}${region.label}`), ...below(level + 1, number)]
          : [],
      );
    return [option(VIEW, say("table.in-view")), option(WHOLE, say("table.whole")), ...below(0, null)];
  }

  private articles(): number[] {
    const { camera } = this.view;
    const { value } = this.where;
    const [left, right] = [camera.mapX(0), camera.mapX(camera.width)];
    if (value === VIEW && this.picker.ready) {
      return this.picker.inBox(left, camera.mapY(camera.height), right, camera.mapY(0)).sort((a, b) => a - b);
    }
    const [level, number] = value.split(".").map(Number);
    const { regions, points } = this.library;
    const among =
      level !== undefined && number !== undefined ? regions.members({ level, number }) : Array(points.count).keys();
    return [...among].filter(this.shown.has);
  }

  private sorted(articles: number[]): number[] {
    const { titles, points } = this.library;
    const known = this.knowledge?.mean;
    const compare = compareTexts();
    const by: Record<Exclude<Column, "region">, (a: number, b: number) => number> = {
      title: (a, b) => compare(titles[a] ?? "", titles[b] ?? ""),
      kept: (a, b) => (points.recall[a] ?? 0) - (points.recall[b] ?? 0),
      knowledge: (a, b) => (known?.[a] ?? 0) - (known?.[b] ?? 0),
    };
    this.headings = [];
    if (this.column === "region") return this.byRegion(articles);
    const order = by[this.column];
    return articles.sort(this.down ? (a, b) => order(b, a) : order);
  }

  /** The articles under the headings of their finest regions, these by the names of the regions around them. */
  private byRegion(articles: readonly number[]): number[] {
    const members = new Map<number, number[]>();
    for (const index of articles) {
      const finest = this.library.points.region[index] ?? NO_REGION;
      const group = members.get(finest);
      if (group) group.push(index);
      else members.set(finest, [index]);
    }
    const compare = compareTexts();
    const groups = [...members.values()]
      .map((group) => ({ group, heading: this.headingOf(group[0] ?? 0) }))
      .sort((a, b) => (this.down ? -1 : 1) * compare(a.heading.name, b.heading.name));
    this.headings = groups.map(({ heading }) => heading);
    const rows: number[] = [];
    groups.forEach(({ group }, number) => {
      rows.push(-1 - number);
      for (const index of group) rows.push(index);
    });
    return rows;
  }

  private headingOf(index: number): Heading {
    const { regions } = this.library;
    const around = regions.around(index);
    const names = around.map((id) => regions.region(id)?.label ?? "");
    const own = names.at(-1) ?? say("selection.outside");
    return { region: around.at(-1) ?? null, name: names.join(" · ") || own, own };
  }

  private showHead(): void {
    const heads = this.columns.map((column) => {
      const button = element("button", { text: say(`table.${column}`), attributes: { type: "button" } });
      button.addEventListener("click", () => this.sortBy(column));
      return element("th", { class: column, attributes: { role: "columnheader", scope: "col" } }, [button]);
    });
    byId("table-columns").replaceChildren(...heads);
    this.markSorted();
  }

  /** Words begin with the first, figures with the greatest. */
  private sortBy(column: Column): void {
    this.down = column === this.column ? !this.down : column === "kept" || column === "knowledge";
    this.column = column;
    this.markSorted();
    this.refresh();
  }

  private markSorted(): void {
    [...byId("table-columns").children].forEach((head, i) => {
      if (this.columns[i] !== this.column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
    });
  }

  private row(row: number): HTMLElement {
    const index = this.rows[row] ?? 0;
    const cells = index < 0 ? [this.heading(this.headings[-1 - index])] : this.cells(index);
    const attributes = { role: "row", "aria-rowindex": String(row + 2) };
    return element("tr", { class: index < 0 ? "heading" : "", attributes }, cells);
  }

  private heading(heading: Heading = { region: null, name: "", own: "" }): HTMLElement {
    const { region, name } = heading;
    const button = element("button", { class: "kin-name", attributes: { type: "button" } }, [
      element("bdi", { text: name }),
    ]);
    button.title = say("table.fly", { name });
    button.addEventListener("click", () => {
      this.close();
      this.events.fly(region);
    });
    const wide = String(this.columns.length);
    const attributes = { role: "rowheader", scope: "rowgroup", colspan: wide, "aria-colspan": wide };
    return element("th", { attributes }, [element("h3", {}, [button])]);
  }

  private cells(index: number): HTMLElement[] {
    const { titles, points } = this.library;
    const button = element("button", { class: "kin-name", attributes: { type: "button" } }, [
      element("bdi", { text: titles[index] ?? "" }),
    ]);
    button.addEventListener("click", () => this.events.open(index));
    const kept = Math.round(((points.recall[index] ?? 0) / 255) * KEPT);
    const cell = (column: Column, ...children: Node[]): HTMLElement =>
      element("td", { class: column, attributes: { role: "cell" } }, children);
    const cells = [
      element("th", { class: "title", attributes: { role: "rowheader", scope: "row" } }, [button]),
      cell("region", element("bdi", { text: this.headingOf(index).own })),
      cell("kept", element("span", { text: say("table.kept-of", { kept, all: KEPT }) })),
    ];
    return this.knowledge ? [...cells, cell("knowledge", ...this.knownOf(index))] : cells;
  }

  /** What is known of an article, and how far that may be off. */
  private knownOf(index: number): HTMLElement[] {
    const { mean, low, high } = interval({ mean: this.knowledge?.mean[index] ?? 0, sd: this.knowledge?.sd[index] ?? 0 });
    return [
      element("span", { text: formatPercent(mean) }),
      element("span", { class: "quiet", text: formatPercents(low, high) }),
    ];
  }
}
