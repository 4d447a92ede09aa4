/**
 * How a slow machine draws: the whole picture is made aside, a piece a frame, and kept.
 *
 * While the map moves the kept picture moves with it, over a coarse one that reaches beyond the window and is made
 * anew only when the view leaves it.
 */

import { boxOf, type Brush, type Sheet } from "./brush";
import { link, Target, type Gl, type Program } from "./gl";
import type { Scene } from "./painter";
import { PLATE_FRAGMENT, PLATE_VERTEX } from "./shaders";
import { pieces } from "./tiles";

/** What a machine takes, in milliseconds. */
export interface Cost {
  pixel: number;
  dot: number;
}

/** A piece of the whole picture takes about so long, and so do the land and the points of a coarse one. */
const PIECE_MS = 45;
const COARSE_MS = { land: 30, dots: 15 } as const;
/** The coarse picture is this many windows wide and high. */
const REACH = 2;
/** How many of its pixels there are for one of the window's. */
const FINENESS = { least: 1 / 8, most: 1 / 2 } as const;
const MOST_DOTS = 40_000;
/** A kept picture serves while it is at most so many times too small or too big: a coarse one, and a fine one. */
const COARSE_SERVES = 1.9;
const FINE_SERVES = 3.5;
/** At rest a coarse picture is made for the next move if the old one is further off than this. */
const NEAR = { zoom: 1.2, away: 0.2 } as const;

const UNIT = 5;

class Plate {
  sheet: Sheet | null = null;
  state = "";

  constructor(readonly target: Target) {}

  holds(sheet: Sheet, state: string): boolean {
    return this.state === state && this.sheet !== null && isSame(this.sheet, sheet);
  }

  /** Whether it shows the state at nearly this scale. */
  nears({ scale }: Sheet, state: string, times: number): this is { sheet: Sheet } {
    return this.state === state && this.sheet !== null && apart(this.sheet.scale, scale) <= times;
  }
}

export class Plates {
  private readonly program: Program;
  private readonly coarse: Plate;
  private whole: Plate;
  private next: Plate;
  private work: Iterator<void> | null = null;
  private shown: Sheet | null = null;
  private lastState = "";
  private cost: Cost = { pixel: 0, dot: 0 };
  private fence: WebGLSync | null = null;

  constructor(
    private readonly gl: Gl,
    private readonly brush: Brush,
  ) {
    this.program = link(gl, PLATE_VERTEX, PLATE_FRAGMENT);
    const plate = (): Plate => new Plate(new Target(gl, UNIT));
    [this.coarse, this.whole, this.next] = [plate(), plate(), plate()];
  }

  /** Something else was drawn in the window. */
  forget(): void {
    this.shown = null;
    this.work = null;
  }

  /** Draw what can be drawn now at such a cost; whether there is more to draw. */
  draw(scene: Scene, sheet: Sheet, cost: Cost): boolean {
    this.cost = cost;
    const state = [this.brush.version, scene.rise, scene.distrust, scene.heat].join(" ");
    if (scene.moving || !this.shown || !isSame(this.shown, sheet)) {
      this.work = null;
      this.show(scene, sheet, state);
    }
    if (scene.moving) return false;
    if (!this.isDone()) return true;
    if (this.whole.holds(sheet, state)) return this.prepare(scene, sheet, state);
    if (state !== this.lastState) {
      // What changes with every frame is drawn when it has stopped.
      this.lastState = state;
      this.work = null;
      return true;
    }
    this.goOn(scene, sheet, state);
    return true;
  }

  /** Draw one more piece of the whole picture, or show it. */
  private goOn(scene: Scene, sheet: Sheet, state: string): void {
    if (!this.work) {
      this.work = this.pieces(scene, sheet);
      [this.next.sheet, this.next.state] = [sheet, state];
    }
    if (!this.work.next().done) return this.await();
    this.work = null;
    [this.whole, this.next] = [this.next, this.whole];
    this.show(scene, sheet, state);
  }

  private *pieces(scene: Scene, sheet: Sheet): Generator<void> {
    const { brush, next } = this;
    const rows = Math.max(Math.round(PIECE_MS / (this.cost.pixel * sheet.width)), 8);
    for (let from = 0; from < sheet.height; from += rows) {
      next.target.open(sheet.width, sheet.height);
      brush.drawLand(scene, sheet, from, Math.min(from + rows, sheet.height));
      yield;
    }
    for (const some of pieces(brush.runs(sheet), Math.max(Math.round(PIECE_MS / this.cost.dot), 1000))) {
      next.target.open(sheet.width, sheet.height);
      brush.drawDots(scene, sheet, some);
      yield;
    }
  }

  /** Make a coarse picture for the next move, if the old one would not do. */
  private prepare(scene: Scene, sheet: Sheet, state: string): boolean {
    const { coarse } = this;
    if (coarse.nears(sheet, state, NEAR.zoom)) {
      const away = NEAR.away / sheet.scale / sheet.pixels;
      const [x, y] = [Math.abs(coarse.sheet.x - sheet.x), Math.abs(coarse.sheet.y - sheet.y)];
      if (x < sheet.width * away && y < sheet.height * away && this.covers(sheet)) return false;
    }
    this.drawCoarse(scene, sheet, state);
    this.await();
    return true;
  }

  private show(scene: Scene, sheet: Sheet, state: string): void {
    const { gl, coarse, whole } = this;
    const exact = whole.holds(sheet, state);
    if (!exact && !(coarse.nears(sheet, state, COARSE_SERVES) && this.covers(sheet))) {
      this.drawCoarse(scene, sheet, state);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, sheet.width, sheet.height);
    gl.disable(gl.BLEND);
    gl.useProgram(this.program.program);
    if (!exact) this.lay(coarse, sheet);
    if (whole.nears(sheet, state, FINE_SERVES)) this.lay(whole, sheet);
    this.shown = sheet;
  }

  /** Lay a kept picture where it belongs in the window. */
  private lay({ sheet, target }: Plate, over: Sheet): void {
    if (!sheet) return;
    const { gl, program } = this;
    const [own, side] = [sheet.scale * sheet.pixels, over.scale * over.pixels];
    target.show();
    gl.uniform1i(program.uniform("uPlate"), UNIT);
    gl.uniform2f(
      program.uniform("uMiddle"),
      (2 * (sheet.x - over.x) * side) / over.width,
      (2 * (sheet.y - over.y) * side) / over.height,
    );
    gl.uniform2f(
      program.uniform("uReach"),
      ((sheet.width / own) * side) / over.width,
      ((sheet.height / own) * side) / over.height,
    );
    this.brush.drawCorners(program);
  }

  private drawCoarse(scene: Scene, sheet: Sheet, state: string): void {
    const area = REACH * REACH * sheet.width * sheet.height;
    const afforded = Math.sqrt(COARSE_MS.land / Math.max(this.cost.pixel * area, 1e-9));
    const fine = Math.min(Math.max(afforded, FINENESS.least), FINENESS.most);
    const wide: Sheet = {
      ...sheet,
      width: Math.ceil(sheet.width * REACH * fine),
      height: Math.ceil(sheet.height * REACH * fine),
      pixels: sheet.pixels * fine,
      fine,
    };
    const { coarse, brush } = this;
    coarse.target.open(wide.width, wide.height);
    brush.drawLand(scene, wide);
    const { runs, share } = brush.sample(wide, Math.min(COARSE_MS.dots / Math.max(this.cost.dot, 1e-9), MOST_DOTS));
    brush.drawDots(scene, wide, runs, share);
    [coarse.sheet, coarse.state] = [wide, state];
  }

  /** Whether the coarse picture reaches over all of a view. */
  private covers(sheet: Sheet): boolean {
    if (!this.coarse.sheet) return false;
    const [around, inside] = [boxOf(this.coarse.sheet), boxOf(sheet)];
    return [0, 1].every((i) => (around[i] ?? 1) <= (inside[i] ?? 0)) &&
      [2, 3].every((i) => (around[i] ?? 0) >= (inside[i] ?? 1));
  }

  /** Draw no more before what was drawn last is done, so that a move need not wait for it. */
  private await(): void {
    const { gl } = this;
    this.fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  private isDone(): boolean {
    const { gl, fence } = this;
    if (fence && gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED) return false;
    gl.deleteSync(fence);
    this.fence = null;
    return true;
  }
}

const apart = (a: number, b: number): number => Math.max(a / b, b / a);

export const isSame = (a: Sheet, b: Sheet): boolean =>
  a.x === b.x && a.y === b.y && a.scale === b.scale && a.width === b.width && a.height === b.height;
