/** Draws land and points with WebGL2 into whatever is open: the window, or a picture for later. */

import type { MapColour, Palette } from "./colour";
import { scaleRow } from "./colour";
import type { Field } from "./field";
import { link, Texture, type Gl, type Program } from "./gl";
import { cloudTile, NOISE_SIZE } from "./noise";
import { dotsAt, noiseScaleFor, plainLooks, type Looks, type Scene } from "./painter";
import type { Box, Points } from "./payload";
import { LAND_FRAGMENT, LAND_VERTEX, POINT_FRAGMENT, POINT_VERTEX } from "./shaders";
import { SUMMIT, TERRAIN_MARGIN, type Terrain } from "./terrain";
import { Tiles, total, type Run } from "./tiles";

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
/** Contours between the contours come in when the land's smallest forms are this many pixels wide. */
const FINER_AT = 14;
/** The biggest points reach this many CSS pixels beyond their tile. */
const REACH = 6;

/** What a picture shows, and how finely. */
export interface Sheet {
  /** The middle, in map units. */
  x: number;
  y: number;
  /** CSS pixels for the map's side. */
  scale: number;
  /** The picture's own pixels, and how many of them there are for one CSS pixel. */
  width: number;
  height: number;
  pixels: number;
  /** 1 at the finest; less where lines would be wide, and are paler instead. */
  fine: number;
}

/** The part of the map on a sheet, with `more` CSS pixels around. */
export function boxOf({ x, y, scale, width, height, pixels }: Sheet, more = 0): Box {
  const across = (width / pixels / 2 + more) / scale;
  const up = (height / pixels / 2 + more) / scale;
  return [x - across, y - up, x + across, y + up];
}

export class Brush {
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
  private tiles = new Tiles(new Uint16Array(0), new Uint16Array(0));
  private relief: Pick<Terrain, "size" | "grain" | "recall"> = { size: 1, grain: 0.01, recall: 1 };
  private region: Box | null = null;
  /** Counts what was set: a picture made before is out of date. */
  version = 0;

  constructor(private readonly gl: Gl) {
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

  /** Whether there are colours to draw with. */
  get ready(): boolean {
    return this.palette !== null;
  }

  get count(): number {
    return this.tiles.rows.length;
  }

  setPalette(palette: Palette): void {
    this.version++;
    this.palette = palette;
    this.scale.load(256, 1, scaleRow(palette.scale));
  }

  setPoints({ x, y, count }: Points): void {
    const { gl } = this;
    this.tiles = new Tiles(x, y);
    const { rows } = this.tiles;
    const ordered = new Uint16Array(2 * count);
    for (let place = 0; place < count; place++) {
      const row = rows[place] ?? 0;
      ordered[place] = x[row] ?? 0;
      ordered[count + place] = y[row] ?? 0;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.columns);
    gl.bufferData(gl.ARRAY_BUFFER, ordered, gl.STATIC_DRAW);
    this.setLooks(plainLooks(count));
  }

  setLooks({ codes, colours }: Looks): void {
    this.version++;
    const { gl } = this;
    const ordered = new Uint8Array(codes.length);
    const { rows } = this.tiles;
    for (let place = 0; place < rows.length; place++) {
      const row = rows[place] ?? 0;
      ordered[2 * place] = codes[2 * row] ?? 0;
      ordered[2 * place + 1] = codes[2 * row + 1] ?? 0;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.looks);
    gl.bufferData(gl.ARRAY_BUFFER, ordered, gl.DYNAMIC_DRAW);
    this.coloured = colours !== null;
    if (colours) this.colours.load(256, 1, colours);
  }

  setTerrain(terrain: Terrain): void {
    this.version++;
    this.relief = terrain;
    this.terrain.load(terrain.size, terrain.size, terrain.cells);
  }

  setField(field: Field): void {
    this.version++;
    this.region = field.box;
    const bytes = new Uint8Array(field.mean.length * 2);
    for (let i = 0; i < field.mean.length; i++) {
      bytes[2 * i] = Math.round((field.mean[i] ?? 0) * 255);
      bytes[2 * i + 1] = Math.round((field.uncertainty[i] ?? 0) * 255);
    }
    this.field.load(field.columns, field.rows, bytes);
  }

  /** All points on a sheet. */
  runs(sheet: Sheet): Run[] {
    return this.tiles.runs(boxOf(sheet, REACH));
  }

  /** A fair sample of at most about `most` points on a sheet, and which share of them it is. */
  sample(sheet: Sheet, most: number): { runs: Run[]; share: number } {
    const box = boxOf(sheet, REACH);
    const levels = this.tiles.levelsWithin(box, most);
    return { runs: this.tiles.runs(box, levels), share: Tiles.share(levels) };
  }

  /** Draw the rows `from` to `to` of a sheet's land. */
  drawLand(scene: Scene, sheet: Sheet, from = 0, to = sheet.height): void {
    const { gl, palette } = this;
    if (!palette) return;
    gl.viewport(0, 0, sheet.width, sheet.height);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, from, sheet.width, to - from);
    gl.disable(gl.BLEND);
    gl.useProgram(this.land.program);
    this.setView(this.land, scene, sheet);
    this.setLand(scene, sheet, palette);
    this.drawCorners(this.land);
    gl.disable(gl.SCISSOR_TEST);
  }

  /** Draw a rectangle over all of the viewport with the program in use. */
  drawCorners(program: Program): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    const corner = program.attribute("corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.disableVertexAttribArray(corner);
  }

  /** Draw runs of points over a sheet's land; where they are a share of all, each is a little stronger. */
  drawDots(scene: Scene, sheet: Sheet, runs: readonly Run[], share = 1): void {
    const { gl, palette } = this;
    if (!palette || total(runs) === 0) return;
    const dots = dotsAt(sheet.scale, this.count, this.coloured);
    gl.viewport(0, 0, sheet.width, sheet.height);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.dots.program);
    this.setView(this.dots, scene, sheet);
    gl.uniform3fv(this.dots.uniform("uInk"), palette.colours.ink);
    gl.uniform3fv(this.dots.uniform("uAccent"), palette.colours.accent);
    gl.uniform1i(this.dots.uniform("uColours"), UNIT.colours);
    gl.uniform1f(this.dots.uniform("uColoured"), this.coloured ? 1 : 0);
    gl.uniform1f(this.dots.uniform("uSize"), dots.size * sheet.pixels);
    gl.uniform1f(this.dots.uniform("uHide"), dots.hidden);
    gl.uniform1f(this.dots.uniform("uAlpha"), Math.min(dots.alpha / Math.sqrt(share), 1));
    gl.bindBuffer(gl.ARRAY_BUFFER, this.looks);
    const look = this.dots.attribute("look");
    gl.enableVertexAttribArray(look);
    gl.vertexAttribPointer(look, 2, gl.UNSIGNED_BYTE, false, 2, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.columns);
    this.column("x", 0);
    this.column("y", this.count * 2);
    for (const { start, count } of runs) gl.drawArrays(gl.POINTS, start, count);
  }

  private setLand(scene: Scene, sheet: Sheet, palette: Palette): void {
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
    gl.uniform1f(land.uniform("uPixel"), sheet.scale * sheet.pixels);
    gl.uniform1f(land.uniform("uFine"), sheet.fine);
    gl.uniform1f(land.uniform("uDark"), palette.dark ? 1 : 0);
    gl.uniform1f(land.uniform("uCloser"), Math.log2((sheet.scale * this.relief.grain) / FINER_AT));
  }

  private setView(program: Program, { heat }: Scene, sheet: Sheet): void {
    const { gl } = this;
    const side = sheet.scale * sheet.pixels;
    gl.uniform1f(program.uniform("uHeat"), heat ? 1 : 0);
    gl.uniform2f(program.uniform("uCentre"), sheet.x, sheet.y);
    gl.uniform2f(program.uniform("uSpan"), sheet.width / side, sheet.height / side);
    gl.uniform1i(program.uniform("uField"), UNIT.field);
    gl.uniform1i(program.uniform("uNoise"), UNIT.noise);
    gl.uniform1f(program.uniform("uNoiseScale"), noiseScaleFor(this.region));
    gl.uniform4fv(program.uniform("uRegion"), this.region ?? [0, 0, 0, 0]);
  }

  private column(name: string, offset: number): void {
    const { gl } = this;
    const location = this.dots.attribute(name);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, 1, gl.UNSIGNED_SHORT, true, 2, offset);
  }
}
