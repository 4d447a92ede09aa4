/** The legend: knowledge from left to right, fog from above, painted with the map's own colours. */

import { css, scaleColour, type Palette } from "./colour";
import { clearAt, fogAt, mix, smooth } from "./curves";
import { byId } from "./dom";
import { cloudTile, NOISE_SIZE } from "./noise";

const tile = cloudTile();

/** On a narrow window the legend waits behind a button, and closes when anything else is pressed; returns its closing. */
export function startLegend(changed: () => void): () => void {
  const [button, card] = [byId("legend-open"), byId("legend")];
  const toggle = (open: boolean): void => {
    if (card.classList.contains("open") === open) return;
    card.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
    changed();
  };
  button.addEventListener("click", () => toggle(!card.classList.contains("open")));
  document.addEventListener("pointerdown", (event) => {
    const target = event.target as Node;
    if (!card.contains(target) && !button.contains(target)) toggle(false);
  });
  return () => toggle(false);
}

export function drawLegend(canvas: HTMLCanvasElement, palette: Palette): void {
  const ink = canvas.getContext("2d");
  const { width, height } = canvas;
  if (!ink) return;
  const { fog, land } = palette.colours;
  const shade = palette.colours["fog-shade"];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor(y * 0.9) * NOISE_SIZE + Math.floor(x * 0.6);
      const cloud = (tile[cell] ?? 128) / 255;
      const unsure = 0.2 + 0.8 * (1 - y / (height - 1));
      const known = mix(land, scaleColour(palette.scale, x / (width - 1)), clearAt(unsure) * 0.94);
      const veil = fogAt(unsure, cloud) * 0.78;
      ink.fillStyle = css(mix(known, mix(shade, fog, smooth(0.25, 0.75, cloud)), veil));
      ink.fillRect(x, y, 1, 1);
    }
  }
}
