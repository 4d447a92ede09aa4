/** The painter for browsers without WebGL2: the same map with flat land, baked once and scaled. */

import { css, scaleColour, type Palette, type Rgb } from "./colour";
import { clearAt, fogAt, mix, smooth } from "./curves";
import type { Field } from "./field";
import { dotsAt, plainLooks, STATE, type Looks, type Painter, type Scene } from "./painter";
import { mapX, mapY, type Box, type Points } from "./payload";
import { cellOf, SUMMIT, TERRAIN_MARGIN, type Terrain } from "./terrain";
import { say } from "./words";

/** More points than this would make every frame slow. */
const MOST_POINTS = 20_000;
const WHOLE: Box = [-TERRAIN_MARGIN, -TERRAIN_MARGIN, 1 + TERRAIN_MARGIN, 1 + TERRAIN_MARGIN];

export class CanvasPainter implements Painter {
  private readonly ink: CanvasRenderingContext2D;
  private palette: Palette | null = null;
  private points: Points | null = null;
  private looks: Looks = plainLooks(0);
  private terrain: Terrain | null = null;
  private field: Field | null = null;
  private land: HTMLCanvasElement | null = null;
  private veil: HTMLCanvasElement | null = null;
  private ratio = 1;

  constructor(private readonly canvas: HTMLCanvasElement) {
    const ink = canvas.getContext("2d", { alpha: false });
    if (!ink) throw new Error(say("failure.no-drawing"));
    this.ink = ink;
  }

  resize(width: number, height: number, ratio: number): void {
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.bakeLand();
    this.bakeVeil();
  }

  setPoints(points: Points): void {
    this.points = points;
    this.looks = plainLooks(points.count);
  }

  setLooks(looks: Looks): void {
    this.looks = looks;
  }

  setTerrain(terrain: Terrain): void {
    this.terrain = terrain;
    this.bakeLand();
    this.bakeVeil();
  }

  setField(field: Field): void {
    this.field = field;
    this.bakeVeil();
  }

  draw(scene: Scene): boolean {
    this.drawWhole(scene);
    return false;
  }

  drawWhole(scene: Scene): void {
    const { ink, palette, canvas } = this;
    if (!palette) return;
    ink.setTransform(1, 0, 0, 1, 0, 0);
    ink.fillStyle = css(palette.colours.sea);
    ink.fillRect(0, 0, canvas.width, canvas.height);
    if (this.land) this.stretch(this.land, WHOLE, scene, scene.rise);
    if (scene.heat && this.veil && this.field) this.stretch(this.veil, this.field.box, scene, 1);
    this.drawDots(scene, palette);
  }

  private stretch(image: HTMLCanvasElement, box: Box, { camera }: Scene, alpha: number): void {
    const { ink, ratio } = this;
    ink.globalAlpha = alpha;
    ink.imageSmoothingQuality = "high";
    const left = camera.screenX(box[0]) * ratio;
    const top = camera.screenY(box[3]) * ratio;
    ink.drawImage(
      image,
      left,
      top,
      (box[2] - box[0]) * camera.scale * ratio,
      (box[3] - box[1]) * camera.scale * ratio,
    );
    ink.globalAlpha = 1;
  }

  private drawDots({ camera }: Scene, palette: Palette): void {
    const { ink, points, ratio, looks } = this;
    if (!points) return;
    const step = Math.ceil(points.count / MOST_POINTS);
    const dots = dotsAt(camera.scale, points.count, looks.colours !== null);
    const fill = fillsOf(looks.colours, palette, dots.alpha);
    for (let i = 0; i < points.count; i += step) {
      const state = looks.codes[2 * i + 1] ?? STATE.plain;
      if (state === STATE.hidden) continue;
      const size = dots.size * ratio * (state === STATE.chosen ? 1.3 : 1);
      const x = camera.screenX(mapX(points, i)) * ratio;
      const y = camera.screenY(mapY(points, i)) * ratio;
      if (x < 0 || y < 0 || x > this.canvas.width || y > this.canvas.height) continue;
      ink.fillStyle = fill(looks.codes[2 * i] ?? 0, state);
      ink.beginPath();
      ink.arc(x, y, size / 2, 0, Math.PI * 2);
      ink.fill();
    }
  }

  private bakeLand(): void {
    const { terrain, palette } = this;
    if (!terrain || !palette) return;
    const { colours } = palette;
    this.land = bake(terrain.size, terrain.size, (cell) => {
      const height = terrain.cells[2 * cell] ?? -8;
      const wet = mix(colours.shelf, colours.sea, smooth(0, 2.6, -height));
      const dry = mix(colours.land, colours.upland, smooth(0, SUMMIT, height));
      const ground = mix(wet, dry, smooth(-0.12, 0.12, height));
      return [mix(ground, colours.coast, (1 - smooth(0.05, 0.2, Math.abs(height))) * 0.6), 1];
    });
  }

  private heightAt(x: number, y: number): number {
    if (!this.terrain) return 0;
    const { size, cells } = this.terrain;
    return cells[2 * (cellOf(y * 65535, size) * size + cellOf(x * 65535, size))] ?? 0;
  }

  private bakeVeil(): void {
    const { field, palette } = this;
    if (!field || !palette) return;
    const { columns, rows, mean, uncertainty, box } = field;
    this.veil = bake(columns, rows, (cell) => {
      const [column, row] = [cell % columns, Math.floor(cell / columns)];
      const unsure = uncertainty[cell] ?? 1;
      const fog = fogAt(unsure) * 0.6;
      const known = clearAt(unsure) * 0.7;
      const share = fog / Math.max(fog + known, 1e-6);
      const colour = mix(scaleColour(palette.scale, mean[cell] ?? 0.5), palette.colours.fog, share);
      const edge = smooth(-1, columns * 0.06, Math.min(column, columns - 1 - column, row, rows - 1 - row));
      const x = box[0] + (column / columns) * (box[2] - box[0]);
      const y = box[1] + (row / rows) * (box[3] - box[1]);
      return [colour, Math.min(fog + known, 0.85) * edge * smooth(-3, -0.2, this.heightAt(x, y))];
    });
  }
}

/** Return what gives a point's fill by its place among the colours and its state; each is made once. */
function fillsOf(
  colours: Uint8Array | null,
  palette: Palette,
  alpha: number,
): (code: number, state: number) => string {
  const made = new Map<number, string>();
  return (code, state) => {
    const key = colours ? code * 4 + state : state;
    let fill = made.get(key);
    if (fill === undefined) {
      const own = colours ? ([0, 1, 2].map((i) => (colours[4 * code + i] ?? 0) / 255) as [number, number, number]) : null;
      const plain = state === STATE.chosen ? palette.colours.accent : palette.colours.ink;
      const seen = state === STATE.back ? alpha * 0.3 : state === STATE.chosen ? Math.max(alpha, 0.9) : alpha;
      made.set(key, (fill = css(own ?? plain, seen)));
    }
    return fill;
  };
}

/** Paint an image cell by cell; cell rows count from the lower edge, image rows from the upper one. */
function bake(columns: number, rows: number, colourOf: (cell: number) => [Rgb, number]): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const ink = canvas.getContext("2d");
  if (!ink) return canvas;
  const image = ink.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [colour, alpha] = colourOf(row * columns + column);
      const bytes = [...colour, alpha].map((value) => Math.round(value * 255));
      image.data.set(bytes, ((rows - 1 - row) * columns + column) * 4);
    }
  }
  ink.putImageData(image, 0, 0);
  return canvas;
}
