/** Drawing an outline on the map: a rectangle with the shift key held, or either shape with its tool. */

import { extend, rectangle, type Outline } from "./selecting";

export type Tool = "rectangle" | "lasso";

export interface DrawingEvents {
  /** An outline in screen pixels is done. */
  drawn(outline: Outline): void;
  armed(tool: Tool | null): void;
}

const SVG = "http://www.w3.org/2000/svg";
/** A smaller outline is a slip. */
const LEAST = 6;

export class Drawing {
  private readonly shape = document.createElementNS(SVG, "polygon");
  private tool: Tool | null = null;
  private path: [number, number][] = [];
  private pointer: number | null = null;
  private drawing: Tool = "rectangle";

  constructor(
    private readonly map: HTMLElement,
    private readonly events: DrawingEvents,
  ) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "outline");
    svg.setAttribute("aria-hidden", "true");
    svg.append(this.shape);
    map.append(svg);
    // Before the map's own gestures, which must not see what is drawn.
    map.addEventListener("pointerdown", this.press, { capture: true });
    map.addEventListener("pointermove", this.move, { capture: true });
    map.addEventListener("pointerup", this.release, { capture: true });
    map.addEventListener("pointercancel", this.release, { capture: true });
  }

  /** Take up a tool for one outline, or lay it down. */
  arm(tool: Tool | null): void {
    this.tool = tool;
    this.map.classList.toggle("drawing", tool !== null);
    this.events.armed(tool);
  }

  private spot(event: PointerEvent): [number, number] {
    const box = this.map.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private readonly press = (event: PointerEvent): void => {
    const wanted = this.tool ?? (event.shiftKey && event.pointerType !== "touch" ? "rectangle" : null);
    if (!wanted || event.button !== 0) return;
    event.stopImmediatePropagation();
    if (this.pointer !== null) return this.end();
    this.pointer = event.pointerId;
    this.map.setPointerCapture(event.pointerId);
    this.drawing = wanted;
    this.path = [this.spot(event)];
  };

  private readonly move = (event: PointerEvent): void => {
    if (this.pointer === null) return;
    event.stopImmediatePropagation();
    if (event.pointerId !== this.pointer) return;
    const [x, y] = this.spot(event);
    if (this.drawing === "lasso") extend(this.path, x, y);
    else this.path[1] = [x, y];
    this.shape.setAttribute("points", this.outline().map((corner) => corner.join(",")).join(" "));
  };

  private readonly release = (event: PointerEvent): void => {
    if (this.pointer === null) return;
    event.stopImmediatePropagation();
    if (event.pointerId !== this.pointer) return;
    const outline = this.outline();
    const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
    const size = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
    this.end();
    if (event.type === "pointercancel" || size < LEAST) return;
    this.arm(null);
    this.events.drawn(outline);
  };

  private end(): void {
    this.pointer = null;
    this.shape.removeAttribute("points");
  }

  private outline(): Outline {
    const [first = [0, 0], second = first] = this.path;
    return this.drawing === "lasso" ? this.path : rectangle(...first, ...second);
  }
}
