/** Where the page's files come from: beside it, or out of the page itself where it is one file. */

import { say } from "./words";

/** A failure that can be shown to a reader as it is. */
export class PayloadError extends Error {}

/** The failure of a page that has to be made again. */
export const rebuild = (why: string): PayloadError => new PayloadError(`${why} ${say("failure.rebuild")}`);

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
    throw new PayloadError(say("failure.unreachable", { path }));
  }
  if (!response.ok) {
    throw rebuild(say("failure.missing", { path, status: response.status }));
  }
  return response;
}

/** What `page/single.py` packed: base64 of gzip, unpacked while it is read. */
async function unpack(inside: HTMLElement, path: string): Promise<Response> {
  if (!("DecompressionStream" in globalThis)) {
    throw new PayloadError(say("failure.old-browser"));
  }
  try {
    const packed = atob(inside.textContent ?? "");
    const bytes = new Uint8Array(packed.length);
    for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(await new Response(stream).arrayBuffer());
  } catch {
    throw new PayloadError(say("failure.part", { path }));
  }
}
