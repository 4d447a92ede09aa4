/** The map on the screen: camera, painter, names and marks, and the gestures that move it. */

import { Camera, flight, type Insets, type Look } from "./camera";
import { CanvasPainter } from "./canvas2d";
import { clearOf } from "./clearance";
import type { Palette } from "./colour";
import { afterFrame, byId, element, inSlices, reach, reducedMotion, whenIdle } from "./dom";
import type { Field } from "./field";
import { Frames, type Tick } from "./frames";
import { Gestures } from "./gestures";
import { LabelLayer, type TitleSource } from "./label-layer";
import { TITLE_ROOM, type Rect } from "./labels";
import { MarkerLayer, type Marks, type Place } from "./markers";
import type { Looks, Painter } from "./painter";
import type { Box, MapInfo, Points } from "./payload";
import type { Picker } from "./picker";
import { frame, type Words } from "./picture";
import { buildTerrain } from "./terrain";
import { WebglPainter } from "./webgl";

export interface MapEvents {
  click(x: number, y: number, reach: number): void;
  hover(x: number, y: number): void;
  leave(): void;
  /** The view came to rest or moved. */
  moved(): void;
  /** The reader moved it. */
  steered(): void;
}

const RISE_MS = 450;
const FLIGHT_MS = 850;
const STEP_MS = 240;
const REST_MS = 240;
/** Of more hits than this none is worth a name's place. */
const MANY_HITS = 60;
/** From near, points are this many pixels apart on average: then they have titles. */
const NEAR = 1.1 * TITLE_ROOM;
/** From this width on, cards stand beside the map rather than over it. */
const WIDE = 860;
/** A place in sight is at least this many pixels inside the free part. */
const SIGHT = 34;
/** A picture's side, and the room above and below the map in it, in CSS pixels; so many pixels for one of them. */
const PICTURE = { side: 1080, head: 110, foot: 70, ratio: 1.5 } as const;
const NO_MARKS: Marks = {
  hits: [],
  chosen: null,
  hovered: null,
  aim: null,
  asked: null,
  threads: null,
  kin: null,
  placed: null,
  answers: [],
};

export class MapView {
  readonly camera = new Camera();
  readonly frames = new Frames((now, moving) => this.draw(now, moving));
  marks: Marks = NO_MARKS;
  private readonly node = byId("map");
  private readonly markers = new MarkerLayer(byId<HTMLCanvasElement>("map-marks"));
  private readonly labels: LabelLayer;
  private palette: Palette | null = null;
  private rise = 0;
  private distrust = 0;
  private heat = true;
  private readonly watchers = new Set<(palette: Palette) => void>();
  private travel: Tick | null = null;
  private goal = this.camera.look();
  /** The look that was asked for last, until cards or window change. */
  private whole: { box: Box; look: Look } | null = null;
  /** What was shown whole last, and by which look. */
  private fitted: { box: Box; look: Look } | null = null;
  private covered: Rect[] = [];
  /** How far an article, or a card in its place, reaches into a wide window from the left. */
  private beside = 0;
  private lastChange = 0;
  private restless = false;
  private lastFrame = 0;
  /** Whether the painter needs more frames to draw all of the picture. */
  private unfinished = false;

  constructor(
    private readonly painter: Painter,
    map: MapInfo,
    private readonly points: Points,
    titles: TitleSource,
    private readonly events: MapEvents,
  ) {
    painter.setPoints(points);
    this.labels = new LabelLayer(byId("map-labels"), map.levels, titles);
    new Gestures(this.node, {
      pan: (dx, dy) => this.panBy(dx, dy),
      zoom: (factor, x, y) => {
        this.change(() => this.camera.zoomAt(factor, x, y));
        this.events.steered();
      },
      step: (factor, x, y) => this.step(factor, x, y),
      click: (x, y, reach) => this.events.click(x, y, reach),
      hover: (x, y) => this.events.hover(x, y),
      leave: () => this.events.leave(),
      stop: () => (this.travel = null),
      animate: (tick) => this.frames.animate(tick),
    });
    new ResizeObserver(() => {
      this.resize();
      this.refit(false);
    }).observe(this.node);
    this.resize();
  }

  /** Raise the land once the first frame is on the screen, and then make articles be found. */
  raiseLand(picker: Picker): void {
    const land = buildTerrain(this.points);
    const build = (): boolean => {
      const built = land.next();
      if (!built.done) return false;
      this.painter.setTerrain(built.value);
      if (reducedMotion()) this.rise = 1;
      let start = 0;
      this.frames.animate((now) => {
        start ||= now;
        this.rise = this.rise === 1 ? 1 : Math.min((now - start) / RISE_MS, 1);
        return this.rise < 1;
      });
      whenIdle(() => {
        picker.build();
        this.frames.request();
      });
      return true;
    };
    afterFrame(() => inSlices(build));
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.painter.setPalette(palette);
    this.frames.request();
  }

  setField(field: Field): void {
    this.painter.setField(field);
    this.frames.request();
  }

  setDistrust(on: boolean): void {
    this.distrust = on ? 1 : 0;
    this.frames.request();
  }

  /** Whether knowledge and fog are shown. */
  setHeat(on: boolean): void {
    this.heat = on;
    this.frames.request();
  }

  setLooks(looks: Looks): void {
    this.painter.setLooks(looks);
    this.frames.request();
  }

  /** Call `drawn` with every frame. */
  watch(drawn: (palette: Palette) => void): void {
    this.watchers.add(drawn);
  }

  mark(marks: Partial<Marks>): void {
    this.marks = { ...this.marks, ...marks };
    this.frames.request();
  }

  /** The names on the map at present. */
  names(): string[] {
    return this.labels.visible();
  }

  panBy(dx: number, dy: number): void {
    this.change(() => this.camera.panBy(dx, dy));
    this.events.steered();
  }

  /** Show a look at once. */
  set(look: Look): void {
    this.travelTo(look, 0);
    this.events.steered();
  }

  /** Where a flight leads, or where the view is. */
  destination(): Look {
    return this.travel ? this.goal : this.camera.look();
  }

  /** The look that shows a box between the cards. */
  lookAt(box: Box): Look {
    if (this.whole?.box !== box) this.whole = { box, look: this.camera.fit(box, this.fitInsets(box)) };
    return this.whole.look;
  }

  /** Zoom in one smooth step, about a screen point or the middle of the free part. */
  step(factor: number, x?: number, y?: number): void {
    const middle = this.middle();
    const goal = new Camera();
    goal.resize(this.camera.width, this.camera.height);
    // Quick presses add up: each starts from where the last one leads.
    goal.set(this.destination());
    goal.zoomAt(factor, x ?? middle.x, y ?? middle.y);
    this.travelTo(goal.look(), STEP_MS);
    this.events.steered();
  }

  fit(box: Box, glide = true): void {
    this.fitted = { box, look: this.lookAt(box) };
    this.travelTo(this.fitted.look, glide ? FLIGHT_MS : 0);
  }

  /** Fit a box again, between cards or in a window that have changed, unless the reader has moved on from it. */
  refit(glide = true): void {
    if (!this.fitted || !isSame(this.destination(), this.fitted.look)) return;
    if (!isSame(this.lookAt(this.fitted.box), this.fitted.look)) this.fit(this.fitted.box, glide);
  }

  /** Bring a place into the free part of the window if it is not there: by a small move, or by showing all. */
  keepInSight(place: Place, whole: Box): void {
    const { top, right, bottom, left } = this.insets();
    const { width, height, scale } = this.camera;
    const [x, y] = [this.camera.screenX(place.x), this.camera.screenY(place.y)];
    const dx = Math.max(left + SIGHT - x, 0) - Math.max(x - (width - right - SIGHT), 0);
    const dy = Math.max(top + SIGHT - y, 0) - Math.max(y - (height - bottom - SIGHT), 0);
    if (dx === 0 && dy === 0) return;
    if (scale > 2.5 * this.lookAt(whole).scale) this.fit(whole);
    else this.travelTo({ x: this.camera.x - dx / scale, y: this.camera.y + dy / scale, scale }, STEP_MS * 2);
  }

  /** Go to a place, near enough that its neighbours have names. */
  flyTo(place: Place): void {
    const near = Math.max(this.camera.scale, Math.min(NEAR * Math.sqrt(this.points.count), 40_000));
    this.travelTo(this.camera.centred(place.x, place.y, near, this.insets()), FLIGHT_MS);
  }

  /** The middle of what the cards leave free, in screen pixels. */
  middle(): { x: number; y: number } {
    const { left, right, top, bottom } = this.insets();
    return { x: (left + this.camera.width - right) / 2, y: (top + this.camera.height - bottom) / 2 };
  }

  /** Measure the cards that stand over the map again. */
  measure(): void {
    const frame = this.node.getBoundingClientRect();
    this.covered = [...document.querySelectorAll<HTMLElement>("[data-covers]")]
      .filter((card) => card.checkVisibility())
      .map((card) => card.getBoundingClientRect())
      .map((box) => ({
        x0: box.left - frame.left,
        y0: box.top - frame.top,
        x1: box.right - frame.left,
        y1: box.bottom - frame.top,
      }));
    const sheet = document.querySelector<HTMLElement>(".sheet:not([hidden])");
    const box = sheet && frame.width > WIDE ? sheet.getBoundingClientRect() : null;
    this.beside = box ? (mirrored() ? frame.right - box.left : box.right - frame.left) : 0;
    this.whole = null;
    this.frames.request();
  }

  private insets(): Insets {
    const { width, height } = this.camera;
    const insets = { top: 0, right: 0, bottom: 0, left: this.beside };
    // In a language from right to left the cards stand on the other sides.
    const flip = mirrored();
    const covered = flip ? this.covered.map((card) => ({ ...card, x0: width - card.x1, x1: width - card.x0 })) : this.covered;
    for (const { x0, y0, x1, y1 } of covered) {
      const panel = x1 - x0 > 200 && y1 - y0 > height * 0.3;
      if (x0 >= width * 0.45 && panel) insets.right = Math.max(insets.right, width - x0);
    }
    // What spans the rest is a header or a sheet; smaller cards stand in the corners, where there is mostly sea.
    for (const { x0, y0, x1, y1 } of covered) {
      if (x0 >= width - insets.right || x1 - x0 < (width - insets.right) * 0.7) continue;
      if (y1 > height - 40) insets.bottom = Math.max(insets.bottom, height - y0);
      else insets.top = Math.max(insets.top, y1);
    }
    return flip ? { ...insets, left: insets.right, right: insets.left } : insets;
  }

  /** A little air around, and in a wide window as much of the width of the cards in the corners as the map needs. */
  private fitInsets(box: Box): Insets {
    const { top, right, bottom, left } = this.insets();
    const { width } = this.camera;
    if (width <= WIDE) return { top: top + 14, right: 14, bottom: bottom + 14, left: 14 };
    const least = Math.max(left, Math.min(width * 0.14, 230));
    return clearOf(this.covered, this.points, box, this.camera, {
      top: top + 36, right: right + 36, bottom: bottom + 36, left: least,
    });
  }

  private travelTo(look: Look, took: number): void {
    if (!took || reducedMotion()) {
      this.travel = null;
      this.change(() => this.camera.set(look));
      return;
    }
    this.goal = look;
    const from = this.camera.look();
    const viewport = Math.min(this.camera.width, this.camera.height);
    let start = 0;
    const tick: Tick = (now) => {
      if (this.travel !== tick) return false;
      start ||= now;
      const t = Math.min((now - start) / took, 1);
      this.camera.set(t < 1 ? flight(from, look, t, viewport) : look);
      this.events.moved();
      if (t === 1) this.travel = null;
      return t < 1;
    };
    this.travel = tick;
    this.frames.animate(tick);
  }

  private change(apply: () => void): void {
    apply();
    this.events.moved();
    this.lastChange = performance.now();
    this.restless = true;
    this.frames.animate(this.untilRest);
  }

  /**
   * A gesture's events come in bursts: the map counts as moving until it has paused for some frames, which are
   * long ones on a slow machine.
   */
  private readonly untilRest: Tick = () => {
    const now = performance.now();
    const frame = Math.min(now - this.lastFrame, 200);
    return (this.restless = now - this.lastChange < Math.max(REST_MS, 5 * frame));
  };

  private readonly untilFinished: Tick = () => this.unfinished;

  /** A square picture of a part of the map with the answers, names and a frame; null before anything is drawn. */
  picture(box: Box, words: Words): HTMLCanvasElement | null {
    const { palette } = this;
    if (!palette) return null;
    const camera = new Camera();
    camera.resize(PICTURE.side, PICTURE.side);
    camera.set(camera.fit(box, { top: PICTURE.head, right: 40, bottom: PICTURE.foot, left: 40 }));
    const picture = element("canvas");
    picture.width = picture.height = PICTURE.side * PICTURE.ratio;
    const ink = picture.getContext("2d");
    if (!ink) return null;
    this.painter.resize(PICTURE.side, PICTURE.side, PICTURE.ratio);
    this.painter.drawWhole({ camera, rise: 1, distrust: 0, heat: true, moving: false });
    // WebGL's picture is there until the task ends in which it was drawn.
    ink.drawImage(byId<HTMLCanvasElement>("map-ground"), 0, 0);
    this.resize();
    const over = element("canvas");
    const markers = new MarkerLayer(over);
    markers.resize(PICTURE.side, PICTURE.side, PICTURE.ratio);
    markers.draw(camera, { ...NO_MARKS, answers: this.marks.answers }, palette);
    ink.drawImage(over, 0, 0);
    ink.scale(PICTURE.ratio, PICTURE.ratio);
    this.labels.paint(ink, camera, palette, [
      { x0: 0, y0: 0, x1: PICTURE.side, y1: PICTURE.head - 20 },
      { x0: 0, y0: PICTURE.side - PICTURE.foot + 10, x1: PICTURE.side, y1: PICTURE.side },
      ...this.marks.answers.map(({ question }) => markRect(camera, question)),
    ]);
    frame(ink, PICTURE.side, words, palette);
    return picture;
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.node;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.camera.resize(clientWidth, clientHeight);
    this.painter.resize(clientWidth, clientHeight, ratio);
    this.markers.resize(clientWidth, clientHeight, ratio);
    this.measure();
  }

  private draw(now: number, moving: boolean): void {
    if (!this.palette) return;
    this.lastFrame = performance.now();
    // Only a moving view or land may be drawn coarsely: when the fog lifts over a still one, every line would blur and return.
    const inMotion = this.travel !== null || this.restless || (this.rise > 0 && this.rise < 1);
    const { camera, rise, distrust, heat } = this;
    this.unfinished = this.painter.draw({ camera, rise, distrust, heat, moving: inMotion });
    if (this.unfinished) this.frames.animate(this.untilFinished);
    this.markers.draw(this.camera, this.marks, this.palette);
    const fading = this.labels.update(this.camera, this.obstacles(), now, moving);
    if (fading) this.frames.request();
    if (rise === 1) reach("land");
    if (!this.unfinished && !inMotion) reach("points");
    if (this.labels.any) reach("labels");
    for (const drawn of this.watchers) drawn(this.palette);
  }

  /** Names stand neither under a card nor on a mark. */
  private obstacles(): Rect[] {
    const { asked, answers, hits, kin, placed } = this.marks;
    const places: Place[] = answers.map(({ question }) => question);
    if (asked) places.push(asked);
    if (hits.length < MANY_HITS) places.push(...hits);
    if (kin) places.push(...kin.to);
    if (placed) places.push(placed, ...placed.to);
    return [...this.covered, ...places.map((place) => markRect(this.camera, place))];
  }
}

/** What draws in this browser; it needs nothing of the map to begin. */
export function openPainter(): Painter {
  const canvas = byId<HTMLCanvasElement>("map-ground");
  return WebglPainter.create(canvas) ?? new CanvasPainter(canvas);
}

const isSame = (a: Look, b: Look): boolean => a.x === b.x && a.y === b.y && a.scale === b.scale;

const mirrored = (): boolean => document.documentElement.dir === "rtl";

function markRect(camera: Camera, place: Place): Rect {
  const x = camera.screenX(place.x);
  const y = camera.screenY(place.y);
  return { x0: x - 4, y0: y - 4, x1: x + 4, y1: y + 4 };
}
