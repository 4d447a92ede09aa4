/** What is drawn over the points: search hits, the chosen article, and the quiz's survey marks. */

import type { Answer } from "./answers";
import type { Camera } from "./camera";
import { css, type Palette } from "./colour";

export interface Place {
  x: number;
  y: number;
}

export interface Marks {
  hits: readonly Place[];
  chosen: Place | null;
  hovered: Place | null;
  aim: Place | null;
  /** The place of the open question. */
  asked: Place | null;
  /** From the question just answered to the articles nearest to it in the embedding. */
  threads: { from: Place; to: readonly Place[] } | null;
  /** From the chosen article to its nearest in meaning, and whether these are its nearest on the map, too. */
  kin: { from: Place; to: readonly (Place & { kept: boolean })[] } | null;
  /** A reader's text: where it belongs, how far its nearest articles lie apart, and these. */
  placed: (Place & { spread: number; to: readonly Place[] }) | null;
  answers: readonly Answer[];
}

const TAU = Math.PI * 2;
const FULL_SIZE_AT = 2400;
const PIN = 10;

type Ink = CanvasRenderingContext2D;

export class MarkerLayer {
  private readonly ink: Ink | null;
  private ratio = 1;
  /** What is drawn now. */
  private drawn: readonly unknown[] = [];

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.ink = canvas.getContext("2d");
  }

  resize(width: number, height: number, ratio: number): void {
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.drawn = [];
  }

  draw(camera: Camera, marks: Marks, palette: Palette): void {
    const { ink } = this;
    const wanted = [camera.x, camera.y, camera.scale, marks, palette];
    if (!ink || wanted.every((one, i) => one === this.drawn[i])) return;
    this.drawn = wanted;
    ink.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ink.clearRect(0, 0, camera.width, camera.height);
    const at = ({ x, y }: Place): [number, number] => [camera.screenX(x), camera.screenY(y)];
    const pen = new Pen(ink, palette, Math.min(Math.max(camera.scale / FULL_SIZE_AT, 0.62), 1.15));
    for (const hit of marks.hits) pen.hit(...at(hit));
    for (const end of marks.threads?.to ?? []) pen.thread(at(marks.threads?.from ?? end), at(end));
    for (const end of marks.kin?.to ?? []) pen.thread(at(marks.kin?.from ?? end), at(end), end.kept);
    if (marks.placed) {
      const { placed } = marks;
      pen.circleAround(...at(placed), placed.spread * camera.scale);
      for (const end of placed.to) pen.thread(at(placed), at(end), true);
      pen.pin(...at(placed));
    }
    for (const answer of marks.answers) pen.answer(answer, ...at(answer.question));
    if (marks.asked) pen.triangle(...at(marks.asked));
    if (marks.hovered) pen.ring(...at(marks.hovered), 7, 1.5);
    if (marks.chosen) pen.chosen(...at(marks.chosen));
    if (marks.aim) pen.aim(...at(marks.aim));
  }
}

class Pen {
  private readonly dark: string;
  private readonly paper: string;
  private readonly accent: string;

  constructor(
    private readonly ink: Ink,
    palette: Palette,
    private readonly size: number,
  ) {
    this.dark = css(palette.colours.ink);
    this.paper = css(palette.colours.paper);
    this.accent = css(palette.colours.accent);
    ink.lineJoin = "round";
    ink.lineCap = "round";
  }

  private circle(x: number, y: number, radius: number): void {
    this.ink.beginPath();
    this.ink.arc(x, y, radius, 0, TAU);
  }

  private stroke(colour: string, width: number): void {
    this.ink.strokeStyle = colour;
    this.ink.lineWidth = width;
    this.ink.stroke();
  }

  private fill(colour: string): void {
    this.ink.fillStyle = colour;
    this.ink.fill();
  }

  hit(x: number, y: number): void {
    this.circle(x, y, 4.5);
    this.fill(this.accent);
    this.stroke(this.paper, 1.5);
  }

  ring(x: number, y: number, radius: number, width: number): void {
    this.circle(x, y, radius);
    this.stroke(this.paper, width + 2.5);
    this.stroke(this.accent, width);
  }

  chosen(x: number, y: number): void {
    this.ring(x, y, 10, 2);
    this.circle(x, y, 3);
    this.fill(this.accent);
  }

  aim(x: number, y: number): void {
    this.ink.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      this.ink.moveTo(x + dx * 6, y + dy * 6);
      this.ink.lineTo(x + dx * 15, y + dy * 15);
    }
    this.stroke(this.paper, 4);
    this.stroke(this.accent, 1.75);
  }

  /** A dotted line to a ring, which is full where the end is near on the map. */
  thread([x0, y0]: [number, number], [x1, y1]: [number, number], full = false): void {
    this.ink.beginPath();
    this.ink.moveTo(x0, y0);
    this.ink.lineTo(x1, y1);
    this.ink.setLineDash([0.1, 4.5]);
    this.stroke(this.dark, 1.7);
    this.ink.setLineDash([]);
    this.circle(x1, y1, 3.2);
    this.fill(full ? this.dark : this.paper);
    this.stroke(this.dark, 1.5);
  }

  /** How uncertain a place is: a wash with a broken edge. */
  circleAround(x: number, y: number, radius: number): void {
    const { ink } = this;
    this.circle(x, y, Math.max(radius, PIN));
    ink.globalAlpha = 0.14;
    this.fill(this.accent);
    ink.globalAlpha = 1;
    this.stroke(this.paper, 3);
    ink.setLineDash([6, 5]);
    this.stroke(this.accent, 1.5);
    ink.setLineDash([]);
  }

  /** A pin whose point stands where a text belongs. */
  pin(x: number, y: number): void {
    const { ink } = this;
    ink.beginPath();
    ink.moveTo(x, y);
    ink.bezierCurveTo(x - 0.5 * PIN, y - 0.8 * PIN, x - PIN, y - 1.2 * PIN, x - PIN, y - 1.8 * PIN);
    ink.arc(x, y - 1.8 * PIN, PIN, Math.PI, 0);
    ink.bezierCurveTo(x + PIN, y - 1.2 * PIN, x + 0.5 * PIN, y - 0.8 * PIN, x, y);
    this.stroke(this.paper, 4);
    this.fill(this.accent);
    this.circle(x, y - 1.8 * PIN, PIN * 0.38);
    this.fill(this.paper);
  }

  /** The surveyor's triangle: where the present question stands. */
  triangle(x: number, y: number): void {
    const { ink } = this;
    const r = 12;
    ink.beginPath();
    for (let i = 0; i < 3; i++) {
      const angle = -Math.PI / 2 + (i * TAU) / 3;
      ink.lineTo(x + r * Math.cos(angle), y + r * Math.sin(angle));
    }
    ink.closePath();
    this.fill(this.paper);
    this.stroke(this.paper, 6);
    this.stroke(this.accent, 2.25);
    this.circle(x, y, 2.25);
    this.fill(this.accent);
  }

  /** Right: a full disc with a tick. Wrong: an open one with a cross. Not known: an open one with a bar. */
  answer({ right, choice }: Answer, x: number, y: number): void {
    const r = 8 * this.size;
    this.circle(x, y, r);
    this.stroke(right ? this.paper : this.dark, right ? 3 : 3.4);
    this.fill(right ? this.dark : this.paper);
    if (!right) this.stroke(this.dark, 1.6);
    const { ink } = this;
    ink.beginPath();
    const s = r * 0.42;
    if (right) {
      ink.moveTo(x - s, y + s * 0.1);
      ink.lineTo(x - s * 0.2, y + s * 0.85);
      ink.lineTo(x + s * 1.05, y - s * 0.8);
    } else if (choice === null) {
      ink.moveTo(x - s, y);
      ink.lineTo(x + s, y);
    } else {
      ink.moveTo(x - s, y - s);
      ink.lineTo(x + s, y + s);
      ink.moveTo(x + s, y - s);
      ink.lineTo(x - s, y + s);
    }
    this.stroke(right ? this.paper : this.dark, 1.7 * Math.max(this.size, 0.8));
  }
}
