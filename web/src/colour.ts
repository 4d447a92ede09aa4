/** Colours: reading them from the style sheet, and the knowledge scale, even to the eye (OKLab, Ottosson 2020). */

export type Rgb = readonly [red: number, green: number, blue: number];

/** Parse "#rrggbb" to shares of 1. */
export function parseHex(text: string): Rgb {
  const match = /^#([0-9a-f]{6})$/i.exec(text.trim());
  if (!match?.[1]) throw new Error(`not a colour of the form #rrggbb: “${text}”`);
  const value = parseInt(match[1], 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

const toLinear = (c: number): number => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const toGamma = (c: number): number => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);

export function toOklab([red, green, blue]: Rgb): [number, number, number] {
  const [r, g, b] = [toLinear(red), toLinear(green), toLinear(blue)];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

export function fromOklab([lightness, a, b]: readonly [number, number, number]): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number): number => Math.min(Math.max(toGamma(value), 0), 1);
  return [
    clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** The colour at share `t` of a scale through evenly spaced stops. */
export function scaleColour(stops: readonly Rgb[], t: number): Rgb {
  const at = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const index = Math.min(Math.floor(at), stops.length - 2);
  const from = toOklab(stops[index] ?? [0, 0, 0]);
  const to = toOklab(stops[index + 1] ?? [0, 0, 0]);
  const share = at - index;
  return fromOklab([
    from[0] + (to[0] - from[0]) * share,
    from[1] + (to[1] - from[1]) * share,
    from[2] + (to[2] - from[2]) * share,
  ]);
}

/** A scale as a row of RGBA bytes. */
export function scaleRow(stops: readonly Rgb[], width = 256): Uint8Array {
  const row = new Uint8Array(width * 4);
  for (let i = 0; i < width; i++) {
    const colour = scaleColour(stops, i / (width - 1));
    row.set([...colour.map((c) => Math.round(c * 255)), 255], i * 4);
  }
  return row;
}

/** The colours that the map's painters need, named as the style sheet's custom properties are. */
export const MAP_COLOURS = [
  "sea",
  "shelf",
  "land",
  "upland",
  "contour",
  "coast",
  "ink",
  "paper",
  "fog",
  "fog-shade",
  "accent",
] as const;
export type MapColour = (typeof MAP_COLOURS)[number];

export interface Palette {
  colours: Record<MapColour, Rgb>;
  /** Of knowledge. */
  scale: readonly Rgb[];
  /** Of the largest kinds of points, of the others, and of what points are measured by. */
  categories: readonly Rgb[];
  other: Rgb;
  sequence: readonly Rgb[];
  dark: boolean;
}

const SCALE_STOPS = 5;
/** So many kinds have a colour of their own: more could not be told apart by all eyes. */
export const CATEGORIES = 9;

export function readPalette(root: HTMLElement): Palette {
  const style = getComputedStyle(root);
  const read = (name: string): Rgb => parseHex(style.getPropertyValue(`--${name}`));
  const colours = Object.fromEntries(MAP_COLOURS.map((name) => [name, read(name)])) as Record<MapColour, Rgb>;
  const all = (name: string, count: number): Rgb[] => Array.from({ length: count }, (_, i) => read(`${name}-${i}`));
  return {
    colours,
    scale: all("known", SCALE_STOPS),
    categories: all("kind", CATEGORIES),
    other: read("kind-other"),
    sequence: all("value", SCALE_STOPS),
    dark: root.dataset["theme"] === "dark",
  };
}

export const css = (colour: Rgb, alpha = 1): string =>
  `rgb(${colour.map((c) => Math.round(c * 255)).join(" ")} / ${alpha})`;
