/** Small helpers for the document; every text goes in as text, never as markup. */

interface Options {
  class?: string;
  text?: string;
  attributes?: Record<string, string>;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: Options = {},
  children: readonly Node[] = [],
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (options.class) node.className = options.class;
  if (options.text !== undefined) node.textContent = options.text;
  for (const [name, value] of Object.entries(options.attributes ?? {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no element #${id}`);
  return node as T;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line icon from path data, drawn on a 20 x 20 grid with the colour of the text around it. */
export function icon(...paths: string[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  for (const data of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", data);
    svg.append(path);
  }
  return svg;
}

/** The direction of a text's first letter that has one. */
export const directionOf = (text: string): "ltr" | "rtl" =>
  /^[^\p{L}]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u.test(text) ? "rtl" : "ltr";

export const reducedMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Run `work` when the browser has nothing better to do. */
export function whenIdle(work: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 400 });
  else setTimeout(work, 30);
}

/** Work that waits for the reader is done so many milliseconds at a time. */
export const SLICE_MS = 12;

/** Run `work` when the next frame has gone to be drawn, which may take as long again. */
export function afterFrame(work: () => void): void {
  requestAnimationFrame(() => setTimeout(work));
}

/** Run `work` again and again until it says that it is done; others come between. */
export function inSlices(work: () => boolean): void {
  if (!work()) setTimeout(() => inSlices(work));
}

/** Say in the browser's timeline when the page first got somewhere. */
export function reach(what: string): void {
  if (performance.getEntriesByName(what, "mark").length === 0) performance.mark(what);
}
