/** Where the page's files come from: beside it, or out of the page itself where it is one file. */

export const REBUILD = "Build the page again with “knowscape page”.";

/** A failure that can be shown to a reader as it is. */
export class PayloadError extends Error {}

/** Whether the page is one file, which may ask nobody for anything. */
export const isOneFile = (): boolean => Boolean(globalThis.document?.getElementById("data/map.json"));

/** Open the file at a path below the page; PayloadError where it is missing. */
export function openFile(path: string): Promise<Response> {
  const inside = globalThis.document?.getElementById(path);
  return inside ? unpack(inside, path) : fetchFile(path);
}

async function fetchFile(path: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path);
  } catch {
    throw new PayloadError(`The file ${path} could not be loaded. Open the page with “knowscape serve”.`);
  }
  if (!response.ok) {
    throw new PayloadError(`The file ${path} is missing (status ${response.status}). ${REBUILD}`);
  }
  return response;
}

/** What `page/single.py` packed: base64 of gzip, unpacked while it is read. */
async function unpack(inside: HTMLElement, path: string): Promise<Response> {
  if (!("DecompressionStream" in globalThis)) {
    throw new PayloadError("This browser is too old to unpack the map: open it in one of 2023 or later.");
  }
  try {
    const packed = atob(inside.textContent ?? "");
    const bytes = new Uint8Array(packed.length);
    for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(await new Response(stream).arrayBuffer());
  } catch {
    throw new PayloadError(`The part ${path} of this file is damaged. Get the file again, whole.`);
  }
}
