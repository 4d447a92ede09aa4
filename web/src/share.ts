/** What leaves the page: links, and files. */

import { element } from "./dom";
import { say } from "./words";

const KEEP_MS = 10_000;

/** The address of this page with another fragment. */
export function linkWith(fragment: string): string {
  const link = new URL(location.href);
  link.hash = fragment;
  return link.href;
}

/** Copy a link and say so; where the browser forbids that, show it to be copied by hand. */
export async function copyLink(link: string, status: HTMLElement, done: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(link);
    status.textContent = done;
  } catch {
    const field = element("input", { class: "link-field", attributes: { type: "text", readonly: "", "aria-label": say("share.link") } });
    field.value = link;
    status.replaceChildren(say("share.by-hand"), field);
    field.select();
  }
}

export function saveFile(name: string, parts: BlobPart[], type: string): void {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  element("a", { attributes: { href: address, download: name } }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEEP_MS);
}
