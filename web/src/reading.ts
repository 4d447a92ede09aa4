/** Reading the map: colours, time, selections, the overview and links, and what they tell each other. */

import type { Library } from "./article";
import { Colouring } from "./colouring";
import { readPalette } from "./colour";
import { byId } from "./dom";
import { Drawing, type Tool } from "./drawing";
import { coloursOf } from "./dye";
import type { Standing } from "./fragment";
import { startLanguageMenu } from "./language-menu";
import { Link } from "./link";
import type { MapView } from "./map-view";
import { Minimap } from "./minimap";
import { STATE } from "./painter";
import type { Box } from "./payload";
import type { Picker } from "./picker";
import type { RegionId } from "./regions";
import { articlesInside, type Outline } from "./selecting";
import { Selection } from "./selection";
import { copyLink, linkWith } from "./share";
import type { Shown } from "./shown";
import { signOf } from "./sign";
import { chosenTheme, visitTheme } from "./theme";
import { TimeCard } from "./time-card";
import { Trail } from "./trail";
import { say, visitedLanguage } from "./words";

/** What the rest of the page does for it. */
export interface Host {
  readonly article: number | null;
  open(index: number): void;
  closeArticle(): void;
  /** Another sheet makes way for the selection. */
  makeWay(): void;
  selected(members: Uint32Array): void;
}

export class Reading {
  readonly selection: Selection;
  readonly colouring: Colouring;
  readonly time: TimeCard;
  private readonly drawing: Drawing;
  private readonly link: Link;
  private readonly trail: Trail;
  private readonly strip = byId("strip");
  private readonly menu = byId("reading");
  private readonly opener = byId("reading-open");
  private armed: Tool | null = null;
  private applying = false;
  private applied = 0;

  constructor(
    private readonly library: Library,
    private readonly view: MapView,
    picker: Picker,
    private readonly shown: Shown,
    private readonly whole: Box,
    private readonly host: Host,
  ) {
    const { map, points, regions } = library;
    const wholeScale = (): number => view.lookAt(whole).scale;
    this.trail = new Trail(view, regions, picker, wholeScale, (region) => this.fly(region));
    new Minimap(points, view, wholeScale);
    this.colouring = new Colouring(map, points, regions, {
      changed: () => {
        this.filter();
        this.view.refit();
      },
      chosen: () => this.arrive(),
    });
    this.time = new TimeCard(map, {
      changed: (passes) => this.shown.set("time", passes),
      chosen: () => this.arrive(),
      opened: () => this.view.measure(),
      failed: (words) => (byId("reading-status").textContent = words),
    });
    this.selection = new Selection(library, regions, {
      changed: () => {
        this.dress();
        this.host.selected(this.selection.members);
      },
      open: (index) => this.host.open(index),
      closed: () => {
        this.arrive();
        this.view.measure();
        byId("map").focus({ preventScroll: true });
      },
    });
    this.drawing = new Drawing(byId("map"), {
      drawn: (outline) => this.select(this.inMapUnits(outline), null),
      armed: (tool) => this.arm(tool),
    });
    this.link = new Link(() => this.standing(), (standing) => void this.apply(standing));
    shown.watch(() => this.dress());
    this.startMenu();
    void this.apply(Link.first(), false);
  }

  /** The reader moved the view. */
  steered(): void {
    // What came from the address is there already.
    if (!this.applying) this.link.steered();
  }

  /** Before and after something that the browser's way back should undo. */
  leave(): void {
    if (!this.applying) this.link.leave();
  }

  arrive(): void {
    if (!this.applying) this.link.arrive();
  }

  /** Escape puts away one thing after the other; false where there was nothing. */
  escape(): boolean {
    if (this.armed) this.drawing.arm(null);
    else if (!this.menu.hidden) this.toggleMenu(false);
    else if (this.selection.any) this.selection.close();
    else return false;
    return true;
  }

  /** Select the region under the cross hairs. */
  selectHere(): void {
    const region = this.trail.here().at(-1) ?? null;
    if (region) this.selectRegion(region);
    else byId("reading-status").textContent = say("reading.no-region");
  }

  /** Paint the points anew: other colours, filters, selection or theme. */
  dress(): void {
    const { dye } = this.colouring;
    const { count } = this.library.points;
    const codes = new Uint8Array(2 * count);
    const other = this.selection.any ? STATE.back : STATE.plain;
    for (let i = 0; i < count; i++) {
      codes[2 * i] = dye?.codes[i] ?? 0;
      codes[2 * i + 1] = this.shown.has(i) ? other : STATE.hidden;
    }
    for (const i of this.selection.members) if (this.shown.has(i)) codes[2 * i + 1] = STATE.chosen;
    const colours = dye && coloursOf(dye, readPalette(document.documentElement));
    this.view.setLooks({ codes, colours });
    this.view.setHeat(this.colouring.choice === "knowledge");
    this.tell();
    this.view.measure();
  }

  private filter(): void {
    if (!this.shown.set("kind", this.colouring.filter())) this.dress();
  }

  private select(members: Uint32Array, region: RegionId | null): void {
    this.leave();
    this.host.makeWay();
    this.selection.set(members, region);
    this.toggleMenu(false);
    this.view.measure();
    this.selection.focus();
    this.arrive();
  }

  private selectRegion(region: RegionId): void {
    this.select(this.library.regions.members(region).filter(this.shown.has), region);
    if (!this.applying) this.fly(region);
  }

  private inMapUnits(outline: Outline): Uint32Array {
    const { camera } = this.view;
    const corners = outline.map(([x, y]) => [camera.mapX(x), camera.mapY(y)] as const);
    return articlesInside(corners, this.library.points, this.shown.has);
  }

  /** Fly to a region, or to the whole map. */
  fly(region: RegionId | null): void {
    this.leave();
    this.view.fit(region ? this.library.regions.box(region) : this.whole);
    this.arrive();
  }

  private startMenu(): void {
    this.opener.addEventListener("click", () => this.toggleMenu(Boolean(this.menu.hidden)));
    document.addEventListener("pointerdown", (event) => {
      const target = event.target as Node;
      if (!this.menu.contains(target) && !this.opener.contains(target)) this.toggleMenu(false);
    });
    this.menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.toggleMenu(false);
      this.opener.focus();
    });
    for (const tool of ["rectangle", "lasso"] as const) {
      byId(`select-${tool}`).addEventListener("click", () => {
        this.toggleMenu(false);
        this.drawing.arm(tool);
        byId("map").focus({ preventScroll: true });
      });
    }
    startLanguageMenu(() => this.link.leave());
    byId("select-region").addEventListener("click", () => this.selectHere());
    byId("copy-link").addEventListener("click", () => {
      void copyLink(linkWith(this.link.fragment()), byId("reading-status"), say("reading.copied"));
    });
    byId("show-all").addEventListener("click", () => {
      this.time.showAll();
      this.colouring.showAll();
      byId("map").focus({ preventScroll: true });
      this.arrive();
    });
  }

  private toggleMenu(open: boolean): void {
    if (open === !this.menu.hidden) return;
    this.menu.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    byId("reading-status").textContent = "";
    if (open) byId("colour").focus({ preventScroll: true });
  }

  private arm(tool: Tool | null): void {
    this.armed = tool;
    this.tell();
  }

  /** One strip says what to draw, or how many articles the filters leave. */
  private tell(): void {
    const some = !this.shown.all;
    this.strip.hidden = !this.armed && !some;
    const counts = some ? say("reading.shown", { shown: this.shown.count, all: this.library.points.count }) : "";
    byId("strip-text").textContent = this.armed ? say(`reading.draw-${this.armed}`) : counts;
    byId("show-all").hidden = this.armed !== null || !some;
  }

  private standing(): Standing {
    const { colouring, time, selection, host, view } = this;
    const { x, y, scale } = view.destination();
    const { article } = host;
    const { stretch } = time;
    const [theme, language] = [chosenTheme(), visitedLanguage()];
    return {
      at: { x, y, span: Math.min(view.camera.width, view.camera.height) / scale },
      ...(colouring.choice !== colouring.first && { colour: colouring.choice }),
      ...(colouring.only.size && { only: [...colouring.only] }),
      ...(time.field !== null && stretch && { time: { field: time.field, ...stretch } }),
      ...(selection.region && { region: selection.region }),
      ...(article !== null && { article: { row: article, sign: this.sign(article) } }),
      ...(theme && { theme }),
      ...(language && { language }),
    };
  }

  private readonly sign = (row: number): string => signOf([this.library.titles[row] ?? ""]);

  /** Show what a link says; what it does not say is as it was at first, but for the view, which stays. */
  private async apply({ at, colour, only, time, region, article, theme }: Standing, anew = true): Promise<void> {
    const { colouring, selection, view } = this;
    this.applying = true;
    // Of quick steps back and forth only the last one counts.
    const turn = ++this.applied;
    const late = (): boolean => turn !== this.applied;
    try {
      if (theme) visitTheme(theme);
      const choice = colour !== undefined && colouring.offers(colour) ? colour : colouring.first;
      if (anew || choice !== colouring.choice || only) await colouring.choose(choice, only);
      if (late()) return;
      if (time && this.time.offers(time.field)) await this.time.open(time.field, time);
      else if (this.time.field !== null) this.time.close();
      if (late()) return;
      if (region && this.library.regions.region(region)) this.selectRegion(region);
      else if (anew) selection.clear();
      await this.library.titlesLoaded;
      if (late()) return;
      const row = article && this.rowOf(article);
      if (row !== undefined && row !== this.host.article) this.host.open(row);
      else if (row === undefined && anew) this.host.closeArticle();
      if (at) view.set({ x: at.x, y: at.y, scale: Math.min(view.camera.width, view.camera.height) / at.span });
    } catch (error) {
      byId("reading-status").textContent = error instanceof Error ? error.message : String(error);
    } finally {
      if (!late()) this.applying = false;
    }
  }

  private rowOf({ row, sign }: { row: number; sign: string }): number | undefined {
    if (row < this.library.titles.length && this.sign(row) === sign) return row;
    const found = this.library.titles.findIndex((title) => signOf([title]) === sign);
    return found < 0 ? undefined : found;
  }
}
