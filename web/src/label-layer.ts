/** The names on the map as elements over it: region names of every level, and article titles close in. */

import type { Camera } from "./camera";
import { css, type Palette } from "./colour";
import { directionOf, element } from "./dom";
import { arrange, DotGrid, levelVisible, titlesVisible, wrap, type Candidate, type Rect } from "./labels";
import type { Place } from "./markers";
import type { Region } from "./payload";

interface Style {
  kind: string;
  size: number;
  weight: number;
  spacing: number;
  upper: boolean;
  widest: number;
  lead: number;
}

const LEVELS: readonly Style[] = [
  { kind: "country", size: 17, weight: 480, spacing: 0.23, upper: true, widest: 240, lead: 1.3 },
  { kind: "province", size: 16, weight: 520, spacing: 0.012, upper: false, widest: 170, lead: 1.14 },
  { kind: "town", size: 11.4, weight: 560, spacing: 0.11, upper: true, widest: 150, lead: 1.24 },
  { kind: "village", size: 12.6, weight: 600, spacing: 0.01, upper: false, widest: 150, lead: 1.14 },
];
const TITLE: Style = {
  kind: "title",
  size: 12.5,
  weight: 400,
  spacing: 0.01,
  upper: false,
  widest: 150,
  lead: 1.14,
};

interface Name {
  id: string;
  x: number;
  y: number;
  style: Style;
  size: number;
  lines: string[];
  width: number;
  height: number;
  priority: number;
  /** Titles stand to the right of their point, region names on it. */
  beside: boolean;
}

interface Shown {
  name: Name;
  node: HTMLElement;
  /** Which of the name's places it stands in. */
  place: number;
  /** When it began to fade, 0 while it stays. */
  leaving: number;
}

export interface TitleSource {
  ready: boolean;
  count: number;
  inBox(x0: number, y0: number, x1: number, y1: number): number[];
  at(index: number): { x: number; y: number; title: string };
  /** Whether any article of a region is shown. */
  shows(level: number, number: number): boolean;
}

const narrow = (): boolean => window.innerWidth < 600;

const ARRANGE_EVERY_MS = 90;
const FADE_MS = 260;
const MOST_TITLES = 1500;
/** Dots are big enough to be in a name's way when they are this many pixels apart on average. */
const DOTS_MATTER = 14;
/** Names keep this far from the window's sides. */
const EDGE = 8;

export class LabelLayer {
  /** Names are measured when they are first near the window. */
  private readonly regions: (Name | undefined)[][];
  /** The most articles that a region of each level has. */
  private readonly most: number[];
  private readonly family: string;
  private readonly titles = new Map<number, Name>();
  private readonly shown = new Map<string, Shown>();
  private readonly measuring = document.createElement("canvas").getContext("2d");
  private arranged = -Infinity;

  constructor(
    private readonly host: HTMLElement,
    private readonly levels: readonly Region[][],
    private readonly source: TitleSource,
  ) {
    this.regions = levels.map((regions) => new Array<Name | undefined>(regions.length));
    this.most = levels.map((regions) => regions.reduce((most, { support }) => Math.max(most, support), 1));
    this.family = getComputedStyle(host).fontFamily;
  }

  /** Move the names with the map; choose them anew now and then while it moves, and always when it rests. */
  update(camera: Camera, obstacles: readonly Rect[], now: number, moving: boolean): boolean {
    if (!moving || now - this.arranged > ARRANGE_EVERY_MS) {
      this.arranged = now;
      this.choose(camera, obstacles, now);
    }
    let fading = false;
    for (const [id, shown] of this.shown) {
      if (shown.leaving && now - shown.leaving > FADE_MS) {
        shown.node.remove();
        this.shown.delete(id);
        continue;
      }
      fading ||= shown.leaving > 0;
      this.place(shown, camera);
    }
    return fading;
  }

  get any(): boolean {
    return this.shown.size > 0;
  }

  /** The texts that stand on the map now. */
  visible(): string[] {
    return [...this.shown.values()].filter((one) => !one.leaving).map((one) => one.name.lines.join(" "));
  }

  /** Set names into a picture of the map, clear of the obstacles. */
  paint(ink: CanvasRenderingContext2D, camera: Camera, { colours, dark }: Palette, obstacles: readonly Rect[]): void {
    const names = this.candidates(camera);
    const placed = this.arrange(names, camera, obstacles, new Map());
    Object.assign(ink, { textBaseline: "middle", lineJoin: "round", fillStyle: css(colours.ink) });
    ink.strokeStyle = css(dark ? colours.sea : colours.upland, 0.7);
    for (const name of names) {
      const rect = placesOf(name, camera)[placed.get(name.id) ?? -1];
      if (!rect) continue;
      const { size, style, lines, beside } = name;
      Object.assign(ink, { letterSpacing: `${style.spacing * size}px`, textAlign: beside ? "left" : "center" });
      ink.font = `${style.weight} ${size}px ${this.family}`;
      ink.lineWidth = 3;
      lines.forEach((line, i) => {
        ink.direction = directionOf(line);
        const [x, y] = [beside ? rect.x0 : (rect.x0 + rect.x1) / 2, rect.y0 + (i + 0.5) * size * style.lead];
        ink.strokeText(line, x, y);
        ink.fillText(line, x, y);
      });
    }
    Object.assign(ink, { letterSpacing: "0px", textAlign: "left", textBaseline: "alphabetic" });
  }

  private choose(camera: Camera, obstacles: readonly Rect[], now: number): void {
    const names = this.candidates(camera);
    const standing = new Map(
      [...this.shown].filter(([, one]) => !one.leaving).map(([id, one]) => [id, one.place]),
    );
    const placed = this.arrange(names, camera, obstacles, standing);
    for (const name of names) {
      const place = placed.get(name.id);
      if (place !== undefined) this.show(name, place);
    }
    for (const [id, one] of this.shown) if (!placed.has(id) && !one.leaving) this.hide(one, now);
  }

  /** By name the number of its place, for those that have one. */
  private arrange(
    names: readonly Name[],
    camera: Camera,
    obstacles: readonly Rect[],
    standing: ReadonlyMap<string, number>,
  ): Map<string, number> {
    const candidates = names.map((name): Candidate => {
      const { id, priority, beside } = name;
      return { id, priority, shy: beside, rects: placesOf(name, camera) };
    });
    const window = { x0: EDGE, y0: EDGE, x1: camera.width - EDGE, y1: camera.height - EDGE };
    const dots = this.dotsIn(camera);
    return arrange(candidates, { obstacles, window, ...(dots && { dots }) }, standing);
  }

  private candidates(camera: Camera): Name[] {
    const names: Name[] = [];
    this.levels.forEach((regions, level) => {
      if (!levelVisible(level, regions, camera.scale)) return;
      regions.forEach((region, number) => {
        if (!isNear(region, camera) || !this.source.shows(level, number)) return;
        names.push(((this.regions[level] ??= [])[number] ??= this.nameOf(region, level, number)));
      });
    });
    return this.source.ready && titlesVisible(this.source.count, camera.scale)
      ? names.concat(this.titlesIn(camera))
      : names;
  }

  private indicesIn(camera: Camera): number[] {
    return this.source.inBox(
      camera.mapX(0),
      camera.mapY(camera.height),
      camera.mapX(camera.width),
      camera.mapY(0),
    );
  }

  private dotsIn(camera: Camera): DotGrid | null {
    const { source } = this;
    if (!source.ready || camera.scale / Math.sqrt(source.count) < DOTS_MATTER) return null;
    const dots = this.indicesIn(camera).map((index): [number, number] => {
      const { x, y } = source.at(index);
      return [camera.screenX(x), camera.screenY(y)];
    });
    return new DotGrid(camera.width, camera.height, dots);
  }

  private titlesIn(camera: Camera): Name[] {
    const indices = this.indicesIn(camera);
    if (indices.length > MOST_TITLES) return [];
    return indices.map((index) => {
      let name = this.titles.get(index);
      if (!name) {
        const { x, y, title } = this.source.at(index);
        name = this.name({
          id: `t${index}`,
          text: title,
          x,
          y,
          style: TITLE,
          size: TITLE.size,
          priority: scatter(index),
        });
        this.titles.set(index, name);
      }
      return name;
    });
  }

  private nameOf({ label, x, y, support }: Region, level: number, number: number): Name {
    const style = LEVELS[Math.min(level, LEVELS.length - 1)] ?? TITLE;
    const weight = Math.sqrt(support / (this.most[level] ?? 1));
    return this.name({
      id: `r${level}.${number}`,
      text: label,
      x,
      y,
      style,
      size: style.size * (0.84 + 0.3 * weight) * (narrow() ? 0.8 : 1),
      priority: (this.levels.length - level) * 10 + 8 * weight,
    });
  }

  private name({
    text,
    ...given
  }: Omit<Name, "lines" | "width" | "height" | "beside"> & { text: string }): Name {
    const { style, size } = given;
    const shownText = style.upper ? text.toLocaleUpperCase() : text;
    const widthOf = (line: string): number => this.widthOf(line, style, size);
    const lines = wrap(shownText, style.widest * (narrow() ? 0.6 : 1), widthOf);
    const width = Math.max(...lines.map(widthOf));
    const height = lines.length * size * style.lead;
    return { ...given, lines, width, height, beside: style.kind === "title" };
  }

  private widthOf(line: string, style: Style, size: number): number {
    if (!this.measuring) return line.length * size * 0.55;
    this.measuring.font = `${style.weight} ${size}px ${this.family}`;
    return this.measuring.measureText(line).width + line.length * style.spacing * size;
  }

  private show(name: Name, place: number): void {
    const one = this.shown.get(name.id);
    if (one) {
      one.leaving = 0;
      one.place = place;
      one.node.classList.add("shown");
      return;
    }
    const lines = name.lines.map((line) => element("span", { text: line, attributes: { dir: "auto" } }));
    const node = element("div", { class: `label ${name.style.kind}` }, lines);
    node.style.fontSize = `${name.size.toFixed(1)}px`;
    node.style.letterSpacing = `${name.style.spacing}em`;
    node.style.lineHeight = String(name.style.lead);
    node.style.fontWeight = String(name.style.weight);
    this.host.append(node);
    this.shown.set(name.id, { name, node, place, leaving: 0 });
    // The class comes a frame later, so that the name fades in.
    requestAnimationFrame(() => node.classList.add("shown"));
  }

  private hide(one: Shown, now: number): void {
    one.leaving = now;
    one.node.classList.remove("shown");
  }

  private place({ name, node, place }: Shown, camera: Camera): void {
    const rect = placesOf(name, camera)[place];
    if (rect) node.style.transform = `translate(${rect.x0.toFixed(1)}px, ${rect.y0.toFixed(1)}px)`;
  }
}

/** A name this far outside the window, in pixels, has no place inside it. */
const FAR = 300;

function isNear({ x, y }: Place, camera: Camera): boolean {
  const [left, top] = [camera.screenX(x), camera.screenY(y)];
  return left > -FAR && left < camera.width + FAR && top > -FAR && top < camera.height + FAR;
}

const BESIDE = 8;
/** Where a region's name may stand, as shares of its width and height away from the region's middle. */
const STEPS_ASIDE: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, -0.5],
  [0, 0.5],
  [-0.28, 0],
  [0.28, 0],
  [0, -1],
  [0, 1],
  [-0.28, -0.5],
  [0.28, -0.5],
  [-0.28, 0.5],
  [0.28, 0.5],
];

function placesOf(name: Name, camera: Camera): Rect[] {
  const x = camera.screenX(name.x);
  const y = camera.screenY(name.y);
  return name.beside ? placesBeside(name, x, y) : placesAround(name, camera, { x, y });
}

const rectAt = ({ width, height }: Name, x0: number, y0: number): Rect => ({
  x0,
  y0,
  x1: x0 + width,
  y1: y0 + height,
});

/** A title stands right of its point, else left, else aslant, else above or below. */
function placesBeside(name: Name, x: number, y: number): Rect[] {
  const { width, height } = name;
  const middle = y - height / 2;
  const slant = height * 0.5;
  const places: [number, number][] = [];
  for (const dy of [0, -slant, slant]) places.push([x + BESIDE, middle + dy], [x - BESIDE - width, middle + dy]);
  places.push([x - width / 2, y - BESIDE - height], [x - width / 2, y + BESIDE]);
  return places.map((place) => rectAt(name, ...place));
}

/** A region's name stands in its middle, else near; in the window's corner rather than cut by its side. */
function placesAround(name: Name, camera: Camera, { x, y }: { x: number; y: number }): Rect[] {
  const { width, height } = name;
  const inside = x > 0 && x < camera.width && y > 0 && y < camera.height;
  const keep = (value: number, most: number): number =>
    inside ? Math.min(Math.max(value, EDGE), most - EDGE) : value;
  return STEPS_ASIDE.map(([dx, dy]) =>
    rectAt(
      name,
      keep(x - width / 2 + dx * width, camera.width - width),
      keep(y - height / 2 + dy * (height + 10), camera.height - height),
    ),
  );
}

/** A fixed order of the titles that is spread evenly: the fractional part of multiples of the golden ratio. */
const scatter = (index: number): number => (index * 0.6180339887498949) % 1;
