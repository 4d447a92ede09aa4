/** The WebGL2 painter. */

import type { MapColour, Palette } from "./colour";
import { scaleRow } from "./colour";
import type { Field } from "./field";
import { link, Texture, type Gl, type Program } from "./gl";
import { cloudTile, NOISE_SIZE } from "./noise";
import { dotsAt, noiseScaleFor, plainLooks, type Looks, type Painter, type Scene } from "./painter";
import type { Box, Points } from "./payload";
import { LAND_FRAGMENT, LAND_VERTEX, POINT_FRAGMENT, POINT_VERTEX } from "./shaders";
import { SUMMIT, TERRAIN_MARGIN, type Terrain } from "./terrain";

const UNIT = { terrain: 0, field: 1, scale: 2, noise: 3, colours: 4 } as const;
const UNIFORM_COLOURS: Partial<Record<MapColour, string>> = {
  sea: "uSea",
  shelf: "uShelf",
  land: "uLand",
  upland: "uUpland",
  contour: "uContour",
  coast: "uCoast",
  fog: "uFog",
  "fog-shade": "uFogShade",
  ink: "uInk",
};

/** While the map moves, a frame that takes longer than this makes the next ones coarser. */
const SLOW_MS = 34;
const FAST_MS = 14;
const COARSENESS: readonly number[] = [1, 1.5, 2.5, 4];
/** Contours between the contours come in when the land's smallest forms are this many pixels wide. */
const FINER_AT = 14;
/** More points than this are drawn only when the map rests or the machine is quick. */
const MANY_POINTS = 40_000;

export class WebglPainter implements Painter {
  private readonly gl: Gl;
  private readonly land: Program;
  private readonly dots: Program;
  private readonly corners: WebGLBuffer;
  private readonly columns: WebGLBuffer;
  private readonly looks: WebGLBuffer;
  private readonly terrain: Texture;
  private readonly field: Texture;
  private readonly scale: Texture;
  private readonly colours: Texture;
  private coloured = false;
  private palette: Palette | null = null;
  private points: Points | null = null;
  private relief: Pick<Terrain, "size" | "grain" | "recall"> = { size: 1, grain: 0.01, recall: 1 };
  private region: Box | null = null;
  private ratio = 1;
  private size = { width: 1, height: 1 };
  /** Pixels of the drawing buffer for one CSS pixel, at present. */
  private pixels = 1;
  /** Which step of `COARSENESS` is in use while the map moves. */
  private coarse = 0;
  private quickest = Infinity;
  private lastDraw = 0;
  private wasMoving = false;
  private probed = false;

  private constructor(
    private readonly canvas: HTMLCanvasElement,
    gl: Gl,
  ) {
    this.gl = gl;
    this.land = link(gl, LAND_VERTEX, LAND_FRAGMENT);
    this.dots = link(gl, POINT_VERTEX, POINT_FRAGMENT);
    this.corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    this.columns = gl.createBuffer();
    this.looks = gl.createBuffer();
    const clamped = gl.CLAMP_TO_EDGE;
    this.terrain = new Texture(gl, UNIT.terrain, {
      internal: gl.RG16F,
      format: gl.RG,
      type: gl.FLOAT,
      wrap: clamped,
    });
    this.field = new Texture(gl, UNIT.field, {
      internal: gl.RG8,
      format: gl.RG,
      type: gl.UNSIGNED_BYTE,
      wrap: clamped,
    });
    const row = { internal: gl.RGBA8, format: gl.RGBA, type: gl.UNSIGNED_BYTE, wrap: clamped };
    this.scale = new Texture(gl, UNIT.scale, row);
    this.colours = new Texture(gl, UNIT.colours, row);
    this.colours.load(256, 1, new Uint8Array(1024));
    const noise = new Texture(gl, UNIT.noise, {
      internal: gl.R8,
      format: gl.RED,
      type: gl.UNSIGNED_BYTE,
      wrap: gl.REPEAT,
    });
    noise.load(NOISE_SIZE, NOISE_SIZE, cloudTile());
    this.terrain.load(1, 1, new Float32Array([-3, 1]));
    this.field.load(1, 1, new Uint8Array([128, 255]));
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
    this.size = { width, height };
    this.pixels = 0;
    this.setPixels(ratio);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.scale.load(256, 1, scaleRow(palette.scale));
  }

  setPoints(points: Points): void {
    this.points = points;
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.columns);
    gl.bufferData(gl.ARRAY_BUFFER, points.count * 4, gl.STATIC_DRAW);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, points.x);
    gl.bufferSubData(gl.ARRAY_BUFFER, points.count * 2, points.y);
    this.setLooks(plainLooks(points.count));
  }

  setLooks({ codes, colours }: Looks): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.looks);
    gl.bufferData(gl.ARRAY_BUFFER, codes, gl.DYNAMIC_DRAW);
    this.coloured = colours !== null;
    if (colours) this.colours.load(256, 1, colours);
  }

  setTerrain(terrain: Terrain): void {
    this.relief = terrain;
    this.terrain.load(terrain.size, terrain.size, terrain.cells);
  }

  setField(field: Field): void {
    this.region = field.box;
    const bytes = new Uint8Array(field.mean.length * 2);
    for (let i = 0; i < field.mean.length; i++) {
      bytes[2 * i] = Math.round((field.mean[i] ?? 0) * 255);
      bytes[2 * i + 1] = Math.round((field.uncertainty[i] ?? 0) * 255);
    }
    this.field.load(field.columns, field.rows, bytes);
  }

  draw(scene: Scene): void {
    if (!this.palette) return;
    this.adapt(scene.moving);
    const start = performance.now();
    this.drawLand(scene, this.palette);
    this.drawDots(scene, this.palette);
    if (!scene.moving && scene.rise === 1 && !this.probed) this.probe(start);
  }

  /** Time the first full frame once, to its end, and start the first motion as coarse as that asks for. */
  private probe(start: number): void {
    this.probed = true;
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
    const took = performance.now() - start;
    while (this.coarse < COARSENESS.length - 1 && took / (COARSENESS[this.coarse] ?? 1) ** 2 > SLOW_MS)
      this.coarse++;
  }

  /** A slow machine draws fewer pixels while the map moves; at rest the map is always drawn in full. */
  private adapt(moving: boolean): void {
    const now = performance.now();
    const took = now - this.lastDraw;
    if (moving && this.wasMoving && took > SLOW_MS && this.coarse < COARSENESS.length - 1) this.coarse++;
    // Every new motion tries again with a little more.
    if (moving && !this.wasMoving && this.quickest < FAST_MS && this.coarse > 0) this.coarse--;
    this.quickest = moving && this.wasMoving ? Math.min(this.quickest, took) : Infinity;
    this.lastDraw = now;
    this.wasMoving = moving;
    this.setPixels(this.ratio / (moving ? (COARSENESS[this.coarse] ?? 1) : 1));
  }

  private setPixels(pixels: number): void {
    if (pixels === this.pixels) return;
    this.pixels = pixels;
    this.canvas.width = Math.round(this.size.width * pixels);
    this.canvas.height = Math.round(this.size.height * pixels);
  }

  private drawLand(scene: Scene, palette: Palette): void {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.disable(gl.BLEND);
    gl.useProgram(this.land.program);
    this.setView(this.land, scene);
    this.setLand(scene, palette);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    const corner = this.land.attribute("corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.disableVertexAttribArray(corner);
  }

  private setLand(scene: Scene, palette: Palette): void {
    const { gl, land } = this;
    for (const [name, uniform] of Object.entries(UNIFORM_COLOURS)) {
      gl.uniform3fv(land.uniform(uniform), palette.colours[name as MapColour]);
    }
    gl.uniform1i(land.uniform("uTerrain"), UNIT.terrain);
    gl.uniform1i(land.uniform("uScale"), UNIT.scale);
    gl.uniform1f(land.uniform("uTerrainSize"), this.relief.size);
    gl.uniform1f(land.uniform("uMargin"), TERRAIN_MARGIN);
    gl.uniform1f(land.uniform("uSummit"), SUMMIT);
    gl.uniform1f(land.uniform("uGrain"), this.relief.grain);
    gl.uniform1f(land.uniform("uRise"), scene.rise);
    gl.uniform1f(land.uniform("uDistrust"), scene.distrust);
    gl.uniform1f(land.uniform("uRecall"), this.relief.recall);
    gl.uniform1f(land.uniform("uPixel"), scene.camera.scale * this.pixels);
    gl.uniform1f(land.uniform("uFine"), this.pixels / this.ratio);
    gl.uniform1f(land.uniform("uDark"), palette.dark ? 1 : 0);
    gl.uniform1f(land.uniform("uCloser"), Math.log2((scene.camera.scale * this.relief.grain) / FINER_AT));
  }

  private setView(program: Program, { camera, heat }: Scene): void {
    const { gl } = this;
    gl.uniform1f(program.uniform("uHeat"), heat ? 1 : 0);
    gl.uniform2f(program.uniform("uCentre"), camera.x, camera.y);
    gl.uniform2f(program.uniform("uSpan"), camera.width / camera.scale, camera.height / camera.scale);
    gl.uniform1i(program.uniform("uField"), UNIT.field);
    gl.uniform1i(program.uniform("uNoise"), UNIT.noise);
    gl.uniform1f(program.uniform("uNoiseScale"), noiseScaleFor(this.region));
    gl.uniform4fv(program.uniform("uRegion"), this.region ?? [0, 0, 0, 0]);
  }

  private drawDots(scene: Scene, palette: Palette): void {
    const { gl, points } = this;
    if (!points) return;
    // A machine that falls behind draws every nth point while the map moves, and each a little stronger.
    const many = points.count > MANY_POINTS && scene.moving && this.coarse > 0;
    const step = many ? Math.min(Math.ceil(points.count / MANY_POINTS), 8) : 1;
    const dots = dotsAt(scene.camera.scale, points.count, this.coloured);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.dots.program);
    this.setView(this.dots, scene);
    gl.uniform3fv(this.dots.uniform("uInk"), palette.colours.ink);
    gl.uniform3fv(this.dots.uniform("uAccent"), palette.colours.accent);
    gl.uniform1i(this.dots.uniform("uColours"), UNIT.colours);
    gl.uniform1f(this.dots.uniform("uColoured"), this.coloured ? 1 : 0);
    gl.uniform1f(this.dots.uniform("uSize"), dots.size * this.pixels);
    gl.uniform1f(this.dots.uniform("uHide"), dots.hidden);
    gl.uniform1f(this.dots.uniform("uAlpha"), Math.min(dots.alpha * Math.sqrt(step), 1));
    gl.bindBuffer(gl.ARRAY_BUFFER, this.looks);
    const look = this.dots.attribute("look");
    gl.enableVertexAttribArray(look);
    gl.vertexAttribPointer(look, 2, gl.UNSIGNED_BYTE, false, 2 * step, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.columns);
    this.column("x", 0, step);
    this.column("y", points.count * 2, step);
    gl.drawArrays(gl.POINTS, 0, Math.floor(points.count / step));
  }

  private column(name: string, offset: number, step: number): void {
    const { gl } = this;
    const location = this.dots.attribute(name);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, 1, gl.UNSIGNED_SHORT, true, 2 * step, offset);
  }
}
