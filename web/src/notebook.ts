/** The notebook that shows this page in a frame, where there is one: it is told what the reader chooses. */

/** A notebook's frame has no address of its own. */
export const inNotebook = (): boolean => location.protocol === "about:";

/** Tell which articles are chosen, by their rows. */
export function tellNotebook(rows: readonly number[]): void {
  if (inNotebook()) window.parent.postMessage({ knowscape: "selected", rows }, "*");
}
