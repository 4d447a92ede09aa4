/** Where the reader looks: a centre on the map and a scale in pixels for the map's side. */

import type { Box } from "./payload";

export interface Insets {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

export interface Look {
  x: number;
  y: number;
  scale: number;
}

/** Beyond this a step of the points' 16-bit coordinates would be wider than about a pixel. */
const MAX_SCALE = 60_000;
/** The window's middle may leave the map by this share of the window: a card or sheet may cover the rest. */
const BEYOND = 0.36;

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

export class Camera {
  x = 0.5;
  y = 0.5;
  scale = 500;
  width = 1;
  height = 1;

  resize(width: number, height: number): void {
    this.width = Math.max(width, 1);
    this.height = Math.max(height, 1);
  }

  screenX(x: number): number {
    return (x - this.x) * this.scale + this.width / 2;
  }

  screenY(y: number): number {
    return this.height / 2 - (y - this.y) * this.scale;
  }

  mapX(screen: number): number {
    return (screen - this.width / 2) / this.scale + this.x;
  }

  mapY(screen: number): number {
    return (this.height / 2 - screen) / this.scale + this.y;
  }

  /** The smallest scale: the whole map in under half of the window's shorter side. */
  get minScale(): number {
    return Math.min(this.width, this.height) * 0.45;
  }

  set(look: Look): void {
    this.scale = clamp(look.scale, this.minScale, MAX_SCALE);
    const [x, y] = [(BEYOND * this.width) / this.scale, (BEYOND * this.height) / this.scale];
    this.x = clamp(look.x, -x, 1 + x);
    this.y = clamp(look.y, -y, 1 + y);
  }

  panBy(dx: number, dy: number): void {
    this.set({ x: this.x - dx / this.scale, y: this.y + dy / this.scale, scale: this.scale });
  }

  /** Zoom by a factor and keep the map under the given screen point where it is. */
  zoomAt(factor: number, screenX: number, screenY: number): void {
    const x = this.mapX(screenX);
    const y = this.mapY(screenY);
    const scale = clamp(this.scale * factor, this.minScale, MAX_SCALE);
    this.set({
      x: x - (screenX - this.width / 2) / scale,
      y: y + (screenY - this.height / 2) / scale,
      scale,
    });
  }

  look(): Look {
    return { x: this.x, y: this.y, scale: this.scale };
  }

  /** The look that shows a box in the part of the window that the insets leave free. */
  fit(box: Box, insets: Insets): Look {
    const [x0, y0, x1, y1] = box;
    const width = Math.max(this.width - insets.left - insets.right, 80);
    const height = Math.max(this.height - insets.top - insets.bottom, 80);
    const scale = clamp(Math.min(width / (x1 - x0), height / (y1 - y0)), this.minScale, MAX_SCALE);
    return this.centred((x0 + x1) / 2, (y0 + y1) / 2, scale, insets);
  }

  /** The look at a point in the middle of the free part of the window. */
  centred(x: number, y: number, scale: number, insets: Insets): Look {
    return {
      x: x + (insets.right - insets.left) / 2 / scale,
      y: y + (insets.top - insets.bottom) / 2 / scale,
      scale,
    };
  }
}

const ease = (t: number): number => (t < 0.5 ? 4 * t ** 3 : 1 - (-2 * t + 2) ** 3 / 2);

/** The look at share `t` of a flight: it rises above the line between both scales when the way is far. */
export function flight(from: Look, to: Look, t: number, viewport: number): Look {
  const s = ease(t);
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  const widest = viewport / Math.max(distance * 1.6, 1e-9);
  const low = Math.min(from.scale, to.scale);
  const dip = Math.max(Math.log(low / widest), 0);
  const arc = dip * Math.sin(Math.PI * s);
  const scale = Math.exp(Math.log(from.scale) * (1 - s) + Math.log(to.scale) * s - arc);
  return { x: from.x + (to.x - from.x) * s, y: from.y + (to.y - from.y) * s, scale };
}
