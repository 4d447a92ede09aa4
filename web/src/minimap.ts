/** The map in small, with a frame where the view is; it comes when one is near enough to get lost. */

import { css, type Palette } from "./colour";
import { mix, smooth } from "./curves";
import { byId } from "./dom";
import type { MapView } from "./map-view";
import { mapX, mapY, type Points } from "./payload";
import { blur } from "./raster";

const CELLS = 66;
const MARGIN = 0.04;
/** The smoothing in cells, where there are many articles and where there are few. */
const SOFT = { least: 1.3, few: 80 };
/** The overview comes when the view is this many times nearer than the whole map. */
const COMES = 1.6;

export class Minimap {
  private readonly card = byId("minimap");
  private readonly canvas = byId<HTMLCanvasElement>("minimap-map");
  private density: Float32Array | null = null;
  private land: HTMLCanvasElement | null = null;
  private drawnWith: Palette | null = null;

  constructor(
    private readonly points: Points,
    private readonly view: MapView,
    private readonly wholeScale: () => number,
  ) {
    view.watch((palette) => this.draw(palette));
    const go = (event: PointerEvent): void => {
      const box = this.canvas.getBoundingClientRect();
      const share = (value: number): number => value * (1 + 2 * MARGIN) - MARGIN;
      const x = share((event.clientX - box.left) / box.width);
      const y = 1 - share((event.clientY - box.top) / box.height);
      const { camera } = this.view;
      const middle = this.view.middle();
      this.view.set({
        x: x + camera.x - camera.mapX(middle.x),
        y: y + camera.y - camera.mapY(middle.y),
        scale: camera.scale,
      });
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      go(event);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.canvas.hasPointerCapture(event.pointerId)) go(event);
    });
  }

  private draw(palette: Palette): void {
    const { camera } = this.view;
    const hidden = camera.scale < COMES * this.wholeScale();
    if (hidden !== this.card.hidden) this.card.hidden = hidden;
    const ink = this.canvas.getContext("2d");
    if (hidden || !ink) return;
    if (this.drawnWith !== palette) {
      this.drawnWith = palette;
      this.density ??= densityOf(this.points);
      this.land = paint(this.density, palette);
    }
    const { width, height } = this.canvas;
    ink.imageSmoothingQuality = "high";
    if (this.land) ink.drawImage(this.land, 0, 0, width, height);
    const at = (share: number): number => ((share + MARGIN) / (1 + 2 * MARGIN)) * width;
    const [left, right] = [at(camera.mapX(0)), at(camera.mapX(camera.width))];
    const [top, bottom] = [at(1 - camera.mapY(0)), at(1 - camera.mapY(camera.height))];
    ink.lineWidth = 5;
    ink.strokeStyle = css(palette.colours.paper, 0.8);
    ink.strokeRect(left, top, right - left, bottom - top);
    ink.lineWidth = 2.5;
    ink.strokeStyle = css(palette.colours.accent);
    ink.strokeRect(left, top, right - left, bottom - top);
  }
}

/** How densely the articles lie, as shares of a high density; row 0 is the upper edge. */
function densityOf(points: Points): Float32Array {
  const cells = new Float32Array(CELLS * CELLS);
  const cell = (share: number): number => Math.floor(((share + MARGIN) / (1 + 2 * MARGIN)) * CELLS);
  for (let i = 0; i < points.count; i++) {
    const at = cell(1 - mapY(points, i)) * CELLS + cell(mapX(points, i));
    cells[at] = (cells[at] ?? 0) + 1;
  }
  const soft = blur(cells, CELLS, CELLS, Math.max(SOFT.least, SOFT.few / Math.sqrt(points.count)));
  const sorted = soft.filter((value) => value > 0).sort();
  const high = sorted[Math.floor(sorted.length * 0.9)] ?? 1;
  return soft.map((value) => value / Math.max(high, 1e-12));
}

function paint(density: Float32Array, { colours }: Palette): HTMLCanvasElement | null {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = CELLS;
  const ink = canvas.getContext("2d");
  if (!ink) return null;
  const image = ink.createImageData(CELLS, CELLS);
  density.forEach((value, at) => {
    const dry = mix(colours.land, colours.contour, smooth(0.3, 1.6, value) * 0.6);
    const colour = mix(colours.sea, dry, smooth(0.06, 0.2, value));
    image.data.set([...colour.map((c) => Math.round(c * 255)), 255], at * 4);
  });
  ink.putImageData(image, 0, 0);
  return canvas;
}
