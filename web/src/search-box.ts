/** The search field and its list: an editable combobox with a list box of titles, and of texts where a server is. */

import type { Api } from "./api";
import { byId, element } from "./dom";
import { partsOf, type Found, type Part, type TitleSearch } from "./search";
import { TextSearch, type TextHit } from "./text-search";
import { say } from "./words";

export interface SearchEvents {
  /** The matches changed; an empty list when the field is cleared. */
  found(all: readonly number[]): void;
  choose(index: number): void;
  leave(): void;
}

/** So many titles are listed alone, and so many above what the server finds. */
const ALONE = 12;
const ABOVE = 5;

export class SearchBox {
  private titlesFound: Found = { best: [], all: [], total: 0 };
  private textsFound: TextHit[] = [];
  private options: HTMLLIElement[] = [];
  private listed: number[] = [];
  private active = -1;

  private readonly input = byId<HTMLInputElement>("search");
  private readonly list = byId<HTMLUListElement>("hits");
  private readonly status = byId("search-status");
  private readonly texts: TextSearch;

  constructor(
    private readonly search: TitleSearch,
    private readonly titles: readonly string[],
    private readonly api: Pick<Api, "finds" | "find">,
    private readonly events: SearchEvents,
  ) {
    const { input, list } = this;
    this.texts = new TextSearch(api, {
      asking: () => this.list.setAttribute("aria-busy", "true"),
      found: (hits) => this.takeTexts(hits),
    });
    input.addEventListener("focus", () => {
      this.search.prepare();
      if (input.value) this.refresh();
    });
    input.addEventListener("input", () => this.refresh());
    input.addEventListener("keydown", this.key);
    input.addEventListener("blur", () => this.open(false));
    // The list must not take the focus from the field, or the blur would close it before the click.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    byId("search-clear").addEventListener("click", () => {
      this.clear();
      input.focus();
    });
    input.disabled = false;
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  /** The server can do more, or less, than before. */
  serverChanged(): void {
    this.input.setAttribute("aria-label", say(this.api.finds ? "search.texts" : "search.titles"));
    if (this.input.value) this.refresh();
  }

  private refresh(): void {
    this.titlesFound = this.search.find(this.input.value, ALONE);
    this.active = -1;
    // What was found for the letters before stays until the answer is there, so that the list does not jump.
    if (!this.input.value.trim()) this.textsFound = [];
    this.texts.ask(this.input.value);
    this.render(document.activeElement === this.input);
  }

  private takeTexts(hits: TextHit[]): void {
    this.list.removeAttribute("aria-busy");
    if (hits.length === 0 && this.textsFound.length === 0) return;
    const chosen = this.listed[this.active];
    this.textsFound = hits;
    this.render(!this.status.hidden);
    this.active = chosen === undefined ? -1 : this.listed.indexOf(chosen);
    this.mark();
  }

  /** List the best titles, then what is found by its text and is not among them. */
  private render(open: boolean): void {
    const titles = this.titlesFound.best.slice(0, this.textsFound.length > 0 ? ABOVE : ALONE);
    const texts = this.textsFound.filter(({ index }) => !titles.includes(index));
    this.listed = [...titles, ...texts.map(({ index }) => index)];
    this.options = [
      ...titles.map((index, place) => this.option(place, this.titleOf(index))),
      ...texts.map(({ index, line }, place) => this.option(titles.length + place, this.titleOf(index), line)),
    ];
    const heading = element("li", { class: "hits-name kicker", text: say("search.by-text"), attributes: { role: "presentation" } });
    this.list.replaceChildren(...this.options);
    if (texts.length > 0) this.list.insertBefore(heading, this.options[titles.length] ?? null);
    this.status.textContent = this.input.value.trim() ? this.summary(titles.length, texts.length) : "";
    this.open(open && this.input.value.trim() !== "");
    this.mark();
    this.events.found([...new Set([...texts.map(({ index }) => index), ...this.titlesFound.all])]);
  }

  private summary(titles: number, texts: number): string {
    const { total } = this.titlesFound;
    const said = [total > 0 ? say("search.count", { count: total }) : say("search.none")];
    if (total > titles) said.push(say("search.best", { count: titles }));
    if (texts > 0) said.push(say("search.more", { count: texts }));
    return `${said.join(", ")}${total > 0 ? "" : "."}`;
  }

  private titleOf(index: number): Part[] {
    return partsOf(this.titles[index] ?? "", this.input.value);
  }

  private option(place: number, title: readonly Part[], line?: readonly Part[]): HTMLLIElement {
    const attributes = { role: "option", id: `hit-${place}`, "aria-selected": "false" };
    // One child holds the parts, so that a title wraps as a text does.
    const children = [element("bdi", {}, drawn(title))];
    if (line) children.push(element("bdi", { class: "hit-line" }, drawn(line)));
    const option = element("li", { attributes }, children);
    option.addEventListener("click", () => this.choose(place));
    return option;
  }

  private open(open: boolean): void {
    const any = this.options.length > 0;
    this.input.setAttribute("aria-expanded", String(open && any));
    this.list.hidden = !open || !any;
    this.status.hidden = !open;
  }

  private readonly key = (event: KeyboardEvent): void => {
    const last = this.options.length - 1;
    if (event.key === "ArrowDown") this.active = this.active >= last ? 0 : this.active + 1;
    else if (event.key === "ArrowUp") this.active = this.active <= 0 ? last : this.active - 1;
    else if (event.key === "Enter") return this.choose(Math.max(this.active, 0));
    else if (event.key === "Escape") return this.escape(event);
    else return;
    event.preventDefault();
    this.mark();
  };

  private escape(event: KeyboardEvent): void {
    event.preventDefault();
    if (this.input.value) this.clear();
    else this.events.leave();
  }

  private clear(): void {
    this.input.value = "";
    this.refresh();
  }

  private mark(): void {
    this.options.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.active)));
    const active = this.options[this.active];
    if (active) {
      this.input.setAttribute("aria-activedescendant", active.id);
      active.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  private choose(place: number): void {
    const index = this.listed[place];
    if (index === undefined) return;
    this.open(false);
    this.events.choose(index);
  }
}

const drawn = (parts: readonly Part[]): HTMLElement[] =>
  parts.map(({ text, hit }) => element(hit ? "b" : "span", { text }));
