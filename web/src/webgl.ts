/** The WebGL2 painter: a quick machine draws everything with every frame, a slow one in pieces. */

import { Brush, type Sheet } from "./brush";
import type { Camera } from "./camera";
import type { Palette } from "./colour";
import type { Field } from "./field";
import type { Gl } from "./gl";
import type { Looks, Painter, Scene } from "./painter";
import type { Points } from "./payload";
import { isSame, Plates, type Cost } from "./plates";
import type { Terrain } from "./terrain";
import { total } from "./tiles";

/** What takes longer than this is not drawn within one frame. */
const SLOW_MS = 34;
/** The machine is tried with this share of the window's rows, and so many points. */
const TRIAL = { rows: 1 / 16, dots: 8192 } as const;
/** What a machine without a graphics card takes: the first picture is drawn for one. */
const SLOW: Cost = { pixel: 2e-4, dot: 4e-4 };

export class WebglPainter implements Painter {
  private readonly brush: Brush;
  private readonly plates: Plates;
  private cost = SLOW;
  /** The first picture, and then what was found while it was drawn. */
  private trial: WebGLSync | "open" | "done" = "open";
  private ratio = 1;
  /** What the window shows if it was drawn at once. */
  private drawn: { sheet: Sheet; scene: Scene; version: number } | null = null;

  private constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly gl: Gl,
  ) {
    this.brush = new Brush(gl);
    this.plates = new Plates(gl, this.brush);
  }

  /** Return a painter, or null where the browser has no WebGL2. */
  static create(canvas: HTMLCanvasElement): WebglPainter | null {
    const gl = canvas.getContext("webgl2", {
      alpha: false,
      antialias: false,
      depth: false,
      powerPreference: "high-performance",
    });
    return gl ? new WebglPainter(canvas, gl) : null;
  }

  resize(width: number, height: number, ratio: number): void {
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.drawn = null;
    this.plates.forget();
  }

  setPalette(palette: Palette): void {
    this.brush.setPalette(palette);
  }

  setPoints(points: Points): void {
    this.brush.setPoints(points);
  }

  setLooks(looks: Looks): void {
    this.brush.setLooks(looks);
  }

  setTerrain(terrain: Terrain): void {
    this.brush.setTerrain(terrain);
  }

  setField(field: Field): void {
    this.brush.setField(field);
  }

  draw(scene: Scene): boolean {
    const { brush } = this;
    if (!brush.ready) return false;
    const sheet = this.sheet(scene.camera);
    if (this.trial !== "done") return this.tryOut(scene, sheet);
    const { pixel, dot } = this.cost;
    if (pixel * sheet.width * sheet.height + dot * total(brush.runs(sheet)) > SLOW_MS) {
      this.drawn = null;
      return this.plates.draw(scene, sheet, this.cost);
    }
    this.plates.forget();
    if (!this.isDrawn(scene, sheet)) this.drawWhole(scene);
    this.drawn = { sheet, scene, version: brush.version };
    return false;
  }

  drawWhole(scene: Scene): void {
    const { brush, gl } = this;
    const sheet = this.sheet(scene.camera);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    brush.drawLand(scene, sheet);
    brush.drawDots(scene, sheet, brush.runs(sheet));
  }

  private isDrawn(scene: Scene, sheet: Sheet): boolean {
    const { drawn, brush } = this;
    return (
      drawn?.version === brush.version &&
      isSame(drawn.sheet, sheet) &&
      (["rise", "distrust", "heat"] as const).every((part) => drawn.scene[part] === scene[part])
    );
  }

  private sheet({ x, y, scale }: Camera): Sheet {
    const { width, height } = this.canvas;
    return { x, y, scale, width, height, pixels: this.ratio, fine: 1 };
  }

  /** Draw coarsely at first, and see what the machine is like once that is done: nobody waits for the shaders. */
  private tryOut(scene: Scene, sheet: Sheet): boolean {
    const { gl } = this;
    if (this.trial === "open") {
      this.plates.draw({ ...scene, moving: true }, sheet, this.cost);
      this.trial = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0) ?? "done";
      gl.flush();
    } else if (this.trial !== "done" && gl.getSyncParameter(this.trial, gl.SYNC_STATUS) === gl.SIGNALED) {
      gl.deleteSync(this.trial);
      this.trial = "done";
      this.cost = this.measure(scene, sheet);
    }
    return true;
  }

  /** Time a strip of land and some points, to their end, beyond what waiting for the end takes by itself. */
  private measure(scene: Scene, sheet: Sheet): Cost {
    const { brush, gl } = this;
    const rows = Math.max(Math.round(sheet.height * TRIAL.rows), 1);
    const dots = Math.max(Math.min(brush.count, TRIAL.dots), 1);
    const middle = Math.round(sheet.height / 2);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    // Some of these wait for what others draw at the time.
    const idle = Math.min(...Array.from({ length: 4 }, () => this.time(() => undefined)));
    const land = this.time(() => brush.drawLand(scene, sheet, middle, middle + rows));
    const points = this.time(() => brush.drawDots(scene, sheet, [{ start: 0, count: Math.min(brush.count, dots) }]));
    // What was drawn for it is not for the window.
    this.plates.forget();
    this.plates.draw({ ...scene, moving: true }, sheet, this.cost);
    return { pixel: Math.max(land - idle, 0) / (rows * sheet.width), dot: Math.max(points - idle, 0) / dots };
  }

  private time(work: () => void): number {
    const { gl } = this;
    const start = performance.now();
    work();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    return performance.now() - start;
  }
}
