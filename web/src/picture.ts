/** The map as a picture to keep, with a title, a line about it and a legend. */

import { css, scaleColour, type Palette } from "./colour";
import { directionOf } from "./dom";
import { saveFile } from "./share";

export interface Words {
  title: string;
  /** What was answered, and when. */
  line: string;
  /** The ends of the scale, and what the fog stands for; none where there is no quiz. */
  scale: { gaps: string; known: string; fog: string } | null;
}

const EDGE = 34;
const BAR = { width: 150, height: 10 };

/** Set words, a legend and a frame over a square picture of the map, `side` units wide. */
export function frame(
  ink: CanvasRenderingContext2D,
  side: number,
  { title, line, scale }: Words,
  palette: Palette,
): void {
  const pen = new Pen(ink, palette);
  pen.words(title, EDGE, EDGE + 28, 30, 620);
  pen.words(line, EDGE, EDGE + 54, 15.5, 440);
  if (scale) pen.scale(scale, EDGE, side - EDGE);
  ink.lineWidth = 1;
  ink.strokeStyle = css(palette.colours.ink, 0.6);
  ink.strokeRect(10.5, 10.5, side - 21, side - 21);
}

class Pen {
  private readonly family = getComputedStyle(document.body).fontFamily;

  constructor(
    private readonly ink: CanvasRenderingContext2D,
    private readonly palette: Palette,
  ) {}

  words(text: string, x: number, y: number, size: number, weight: number): number {
    const { ink, palette } = this;
    ink.font = `${weight} ${size}px ${this.family}`;
    ink.direction = directionOf(text);
    ink.textAlign = "left";
    ink.lineJoin = "round";
    ink.lineWidth = 5;
    ink.strokeStyle = css(palette.colours.sea, 0.85);
    ink.strokeText(text, x, y);
    ink.fillStyle = css(palette.colours.ink);
    ink.fillText(text, x, y);
    return x + ink.measureText(text).width;
  }

  scale({ gaps, known, fog }: NonNullable<Words["scale"]>, x: number, y: number): void {
    const { ink, palette } = this;
    const left = this.words(gaps, x, y, 13, 440) + 10;
    for (let i = 0; i < BAR.width; i++) {
      ink.fillStyle = css(scaleColour(palette.scale, i / (BAR.width - 1)));
      ink.fillRect(left + i, y - BAR.height, 1.5, BAR.height);
    }
    const right = this.words(known, left + BAR.width + 10, y, 13, 440) + 26;
    ink.fillStyle = css(palette.colours.fog);
    ink.fillRect(right, y - BAR.height, 22, BAR.height);
    ink.strokeStyle = css(palette.colours.contour);
    ink.lineWidth = 1;
    ink.strokeRect(right + 0.5, y - BAR.height + 0.5, 21, BAR.height - 1);
    this.words(fog, right + 32, y, 13, 440);
  }
}

/** Hand a picture over: to the system's share sheet on a touch screen that has one, else as a file. */
export async function keepPicture(picture: HTMLCanvasElement, name: string): Promise<"shared" | "saved" | "dropped"> {
  const blob = await new Promise<Blob | null>((done) => picture.toBlob(done, "image/png"));
  if (!blob) throw new Error("the browser made no picture");
  const file = new File([blob], name, { type: "image/png" });
  if (matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files: [file] })) {
    try {
      await navigator.share({ files: [file] });
      return "shared";
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return "dropped";
    }
  }
  saveFile(name, [blob], "image/png");
  return "saved";
}
