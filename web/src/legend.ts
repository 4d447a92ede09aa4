/** The legend: knowledge from left to right, fog from above, painted with the map's own colours. */

import { css, scaleColour, type Palette, type Rgb } from "./colour";
import { cloudTile, NOISE_SIZE } from "./noise";

const tile = cloudTile();

/** The same curves as the shader's. */
function fogAt(uncertainty: number, cloud: number): number {
  const torn = uncertainty + (cloud - 0.5) * 0.34 * (1 - uncertainty * uncertainty);
  const t = Math.min(Math.max((torn - 0.42) / 0.56, 0), 1);
  return t * t * (3 - 2 * t);
}

const mix = (a: Rgb, b: Rgb, share: number): Rgb => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];

export function drawLegend(canvas: HTMLCanvasElement, palette: Palette): void {
  const ink = canvas.getContext("2d");
  const { width, height } = canvas;
  if (!ink) return;
  const { fog, land } = palette.colours;
  const shade = palette.colours["fog-shade"];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cloud = (tile[(Math.floor(y * 0.9) % NOISE_SIZE) * NOISE_SIZE + (Math.floor(x * 0.6) % NOISE_SIZE)] ?? 128) / 255;
      const unsure = 0.2 + 0.8 * (1 - y / (height - 1));
      const known = mix(land, scaleColour(palette.scale, x / (width - 1)), (1 - smooth(0.3, 1, unsure)) * 0.94);
      const veil = fogAt(unsure, cloud) * 0.78;
      ink.fillStyle = css(mix(known, mix(shade, fog, smooth(0.25, 0.75, cloud)), veil));
      ink.fillRect(x, y, 1, 1);
    }
  }
}

const smooth = (low: number, high: number, value: number): number => {
  const t = Math.min(Math.max((value - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
};
