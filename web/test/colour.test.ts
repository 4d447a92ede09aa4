import { describe, expect, it } from "vitest";
import { fromOklab, parseHex, scaleColour, toOklab, type Rgb } from "../src/colour";
import css from "../src/styles/base.css?raw";

const themes = { light: block(":root {"), dark: block(':root[data-theme="dark"] {') };

function block(start: string): Record<string, string> {
  const from = css.indexOf(start);
  const body = css.slice(from, css.indexOf("}", from));
  return Object.fromEntries(
    [...body.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1] ?? "", m[2] ?? ""]),
  );
}

const stops = (theme: Record<string, string>): Rgb[] =>
  [0, 1, 2, 3, 4].map((i) => parseHex(theme[`known-${i}`] ?? ""));
const linear = (c: number): number => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const gamma = (c: number): number => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);

/** Deuteranopia at full strength (Machado, Oliveira & Fernandes 2009). */
function deuteranopia(colour: Rgb): Rgb {
  const [r, g, b] = colour.map(linear) as [number, number, number];
  const seen = [
    0.367322 * r + 0.860646 * g - 0.227968 * b,
    0.280085 * r + 0.672501 * g + 0.047413 * b,
    -0.01182 * r + 0.04294 * g + 0.968881 * b,
  ];
  return seen.map((c) => gamma(Math.min(Math.max(c, 0), 1))) as [number, number, number];
}

const distance = (a: Rgb, b: Rgb): number => {
  const [p, q] = [toOklab(a), toOklab(b)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
};

const luminance = (colour: Rgb): number => {
  const [r, g, b] = colour.map(linear) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

function contrast(a: string | undefined, b: string | undefined): number {
  const [x, y] = [luminance(parseHex(a ?? "")), luminance(parseHex(b ?? ""))];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

describe.each(Object.entries(themes))("the knowledge scale, %s", (_, theme) => {
  const tenths = Array.from({ length: 11 }, (_, i) => scaleColour(stops(theme), i / 10));
  const eyes: [string, Rgb[]][] = [
    ["all colours", tenths],
    ["deuteranopia", tenths.map(deuteranopia)],
  ];

  it.each(eyes)("grows lighter at every tenth for eyes with %s", (_, seen) => {
    for (let i = 1; i < seen.length; i++) {
      expect(toOklab(seen[i] as Rgb)[0]).toBeGreaterThan(toOklab(seen[i - 1] as Rgb)[0] + 0.02);
    }
  });

  it.each(eyes)("takes steps of about the same size for eyes with %s", (_, seen) => {
    const steps = seen.slice(1).map((colour, i) => distance(colour, seen[i] as Rgb));
    expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(1.45);
  });
});

describe.each(Object.entries(themes))("the colours of the %s theme", (_, theme) => {
  it.each([
    ["ink", "paper"],
    ["ink", "land"],
    ["ink", "fog"],
    ["ink", "sea"],
    ["accent", "paper"],
  ])("set %s on %s with at least the contrast that WCAG AA asks of text", (text, ground) => {
    expect(contrast(theme[text], theme[ground])).toBeGreaterThanOrEqual(4.5);
  });
});

/** Protanopia and tritanopia at full strength (Machado, Oliveira & Fernandes 2009). */
const OTHER_EYES: Record<string, number[][]> = {
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function seenBy(eyes: string, colour: Rgb): Rgb {
  if (eyes === "all colours") return colour;
  if (eyes === "deuteranopia") return deuteranopia(colour);
  const [r, g, b] = colour.map(linear) as [number, number, number];
  const rows = OTHER_EYES[eyes] ?? [];
  return rows.map(([p = 0, q = 0, s = 0]) => gamma(Math.min(Math.max(p * r + q * g + s * b, 0), 1))) as [number, number, number];
}

describe.each(Object.entries(themes))("the colours of points, %s", (name, theme) => {
  const kinds = [...Array.from({ length: 9 }, (_, i) => `kind-${i}`), "kind-other"];
  const values = Array.from({ length: 5 }, (_, i) => `value-${i}`);
  const colour = (id: string): Rgb => parseHex(theme[id] ?? "");

  it.each(["all colours", "deuteranopia", "protanopia", "tritanopia"])("tell kinds apart for eyes with %s", (eyes) => {
    kinds.forEach((one, i) => {
      for (const other of kinds.slice(0, i)) {
        expect(distance(seenBy(eyes, colour(one)), seenBy(eyes, colour(other))), `${one} and ${other}`).toBeGreaterThan(0.07);
      }
    });
  });

  it.each(["all colours", "deuteranopia", "protanopia", "tritanopia"])("go from faint to strong for eyes with %s", (eyes) => {
    const tenths = Array.from({ length: 11 }, (_, i) => seenBy(eyes, scaleColour(values.map(colour), i / 10)));
    for (let i = 1; i < tenths.length; i++) {
      const step = toOklab(tenths[i] as Rgb)[0] - toOklab(tenths[i - 1] as Rgb)[0];
      expect(name === "dark" ? step : -step).toBeGreaterThan(0.015);
    }
  });

  it.each([...kinds, ...values])("stand out from the land: %s", (id) => {
    const ground = ["land", "upland"].map((land) => contrast(theme[id], theme[land]));
    expect(Math.min(...ground)).toBeGreaterThan(2);
  });
});

describe("colours", () => {
  it("survive the way to OKLab and back", () => {
    const colour = parseHex("#ea996b");
    fromOklab(toOklab(colour)).forEach((value, i) => expect(value).toBeCloseTo(colour[i] ?? 0, 4));
  });

  it("are refused in any other form than #rrggbb", () => {
    expect(() => parseHex("red")).toThrow(/red/);
  });
});
