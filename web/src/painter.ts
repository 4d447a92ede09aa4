/** What draws the map's ground and points; one implementation on WebGL2, one on a plain canvas. */

import type { Camera } from "./camera";
import type { Palette } from "./colour";
import type { Field } from "./field";
import type { Points } from "./payload";
import type { Terrain } from "./terrain";

/** What each point looks like: two bytes a point, its place in `colours` and its state. */
export interface Looks {
  codes: Uint8Array;
  /** 256 colours as RGBA bytes; null where all points are of ink. */
  colours: Uint8Array | null;
}

export const STATE = { hidden: 0, plain: 1, chosen: 2, back: 3 } as const;

export interface Scene {
  camera: Camera;
  /** 0..1, how far the land has come up. */
  rise: number;
  /** 0..1, how strongly places where the map is untrue are hatched. */
  distrust: number;
  /** Whether knowledge and fog are shown. */
  heat: boolean;
  /** It changes from frame to frame, and may be drawn coarsely on a slow machine. */
  moving: boolean;
}

export interface Painter {
  resize(width: number, height: number, ratio: number): void;
  setPalette(palette: Palette): void;
  setPoints(points: Points): void;
  setLooks(looks: Looks): void;
  setTerrain(terrain: Terrain): void;
  setField(field: Field): void;
  /** Draw, at rest perhaps in pieces; whether the next frames must go on with it. */
  draw(scene: Scene): boolean;
  /** Draw all of it at once, however long that takes. */
  drawWhole(scene: Scene): void;
}

/** The looks of points of which nothing is known but their places. */
export function plainLooks(count: number): Looks {
  const codes = new Uint8Array(2 * count);
  for (let i = 1; i < codes.length; i += 2) codes[i] = STATE.plain;
  return { codes, colours: null };
}

export interface Dots {
  /** Diameter in CSS pixels. */
  size: number;
  alpha: number;
  /** The share of them that the fog hides: all but a hint from afar, less from near. */
  hidden: number;
}

/** Points grow as one comes closer; how big goes by the room each of them has. Colours need more to be seen. */
export function dotsAt(scale: number, count: number, coloured: boolean): Dots {
  const room = scale / Math.sqrt(count);
  if (coloured) {
    return {
      size: Math.min(Math.max(1.02 * Math.sqrt(room), 1.5), 8.5),
      alpha: Math.min(0.45 + room * 0.02, 0.94),
      hidden: 0,
    };
  }
  return {
    size: Math.min(Math.max(0.86 * Math.sqrt(room), 1), 7.5),
    alpha: Math.min(0.06 + room * 0.021, 0.86),
    hidden: Math.min(Math.max(0.9 - room * 0.014, 0.4), 0.86),
  };
}

/** Fog is drawn in clouds of a size that goes with the question region. */
export const noiseScaleFor = (region: readonly number[] | null): number => {
  if (!region) return 1;
  const [x0 = 0, y0 = 0, x1 = 1, y1 = 1] = region;
  return 0.85 / Math.sqrt(Math.max((x1 - x0) * (y1 - y0), 1e-6));
};
