/** The panel with one article, and the small card that follows the pointer. */

import { byId, element } from "./dom";
import { KEPT, listKin, ranksOnMap, type Kin } from "./kin";
import { mapX, mapY, type MapInfo, type Points, type Texts } from "./payload";
import type { Regions } from "./regions";
import { formatDigits, say } from "./words";

/** Everything the page knows about the documents. */
export interface Library {
  map: MapInfo;
  points: Points;
  regions: Regions;
  /** Empty until `titlesLoaded`. */
  titles: readonly string[];
  titlesLoaded: Promise<unknown>;
  texts: Texts;
}

/** How many of their ten nearest the articles of an article's finest region keep, on average. */
export function keptAround({ recall, region }: Pick<Points, "recall" | "region">, index: number): number {
  let [kept, count] = [0, 0];
  region.forEach((other, i) => {
    if (other !== region[index]) return;
    kept += recall[i] ?? 0;
    count += 1;
  });
  return (kept / 255 / Math.max(count, 1)) * KEPT;
}

/** Return the address if it leads to the web, otherwise null: a corpus is data and may hold anything. */
export function webAddress(url: string | null): URL | null {
  if (!url) return null;
  try {
    const parsed = new URL(url);
    return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed : null;
  } catch {
    return null;
  }
}

export function firstWords(text: string, most = 150): string {
  const flat = text.replace(/\s+/g, " ").trim();
  if (flat.length <= most) return flat;
  const cut = flat.slice(0, most);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), most * 0.6)).replace(/[\s.,;:–-]+$/, "")} …`;
}

export interface ArticleEvents {
  closed(index: number): void;
  /** The nearest in meaning of the open article are known. */
  kin(index: number, kin: readonly Kin[]): void;
  go(index: number): void;
}

export class ArticlePanel {
  private readonly panel = byId("article");
  private readonly title = byId("article-title");
  private readonly path = byId("article-path");
  private readonly body = byId("article-body");
  private readonly foot = byId("article-foot");
  private opened: number | null = null;

  constructor(
    private readonly library: Library,
    private readonly events: ArticleEvents,
  ) {
    byId("article-close").addEventListener("click", () => this.close());
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      // The page has more to put away, but not by the same key press.
      event.preventDefault();
      this.close();
    });
  }

  get index(): number | null {
    return this.opened;
  }

  open(index: number, takeFocus: boolean): void {
    this.opened = index;
    this.title.textContent = this.library.titles[index] ?? "";
    this.path.textContent = this.regionNames(index).slice(-2).join(" · ");
    this.body.replaceChildren(element("p", { class: "quiet", text: say("article.loading") }));
    this.foot.replaceChildren(this.trust(index));
    this.panel.hidden = false;
    this.panel.scrollTop = 0;
    if (takeFocus) this.title.focus({ preventScroll: true });
    void this.fill(index);
  }

  close(): void {
    const index = this.opened;
    if (index === null) return;
    this.opened = null;
    this.panel.hidden = true;
    this.events.closed(index);
  }

  private regionNames(index: number): string[] {
    const { regions } = this.library;
    return regions.around(index).map((id) => regions.region(id)?.label ?? "");
  }

  private async fill(index: number): Promise<void> {
    try {
      const { text, url, source, near } = await this.library.texts.article(index);
      if (this.opened !== index) return;
      const paragraphs = text.split(/\n+/).filter((line) => line.trim());
      this.body.replaceChildren(...paragraphs.map((line) => element("p", { text: line, attributes: { dir: "auto" } })));
      const address = webAddress(url);
      if (address) this.foot.prepend(this.link(address, source));
      else if (source) this.foot.prepend(element("p", { class: "quiet", text: say("article.source", { source }) }));
      const kin = ranksOnMap(this.library.points, index, near);
      if (kin.length) this.foot.append(listKin(kin, this.library.titles, (other) => this.events.go(other)));
      this.events.kin(index, kin);
    } catch (error) {
      if (this.opened !== index) return;
      const message = error instanceof Error ? error.message : String(error);
      this.body.replaceChildren(element("p", { class: "quiet", text: message }));
    }
  }

  private link(address: URL, source: string | null): HTMLElement {
    const attributes = { href: address.href, target: "_blank", rel: "noopener noreferrer" };
    const where = source || address.hostname.replace(/^www\./, "");
    return element("a", { class: "outward", text: say("article.read", { where }), attributes });
  }

  private trust(index: number): HTMLElement {
    const kept = Math.round(((this.library.points.recall[index] ?? 0) / 255) * KEPT);
    const around = formatDigits(keptAround(this.library.points, index), 1);
    return element("p", { class: "quiet", text: say("article.kept", { kept, all: KEPT, around }) });
  }
}

const CARD_GAP = 16;

export class HoverCard {
  private readonly card = byId("hover");
  private readonly title = byId("hover-title");
  private readonly words = byId("hover-words");
  private readonly value = byId("hover-value");
  private shown: number | null = null;

  constructor(
    private readonly library: Library,
    /** What the colour of an article says, where it has one. */
    private readonly tell: (index: number) => string | null,
  ) {}

  get index(): number | null {
    return this.shown;
  }

  show(index: number | null, screen: { x: number; y: number }): void {
    if (index === null) return this.hide();
    if (index !== this.shown) this.fill(index);
    this.place(screen);
  }

  hide(): void {
    this.shown = null;
    this.card.hidden = true;
  }

  private fill(index: number): void {
    this.shown = index;
    this.title.textContent = this.library.titles[index] ?? "";
    this.words.textContent = "";
    this.value.textContent = this.tell(index);
    this.card.hidden = false;
    this.library.texts.article(index).then(
      ({ text }) => {
        if (this.shown === index) this.words.textContent = firstWords(text);
      },
      // The title is enough here; the panel says what went wrong.
      () => undefined,
    );
  }

  private place({ x, y }: { x: number; y: number }): void {
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const left = x + CARD_GAP + width > window.innerWidth ? x - CARD_GAP - width : x + CARD_GAP;
    const top = Math.min(Math.max(y - height / 2, 8), window.innerHeight - height - 8);
    this.card.style.transform = `translate(${Math.round(Math.max(left, 8))}px, ${Math.round(top)}px)`;
  }
}

export const placeOf = ({ points }: Library, index: number): { x: number; y: number } => ({
  x: mapX(points, index),
  y: mapY(points, index),
});
