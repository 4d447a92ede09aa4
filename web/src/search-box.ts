/** The search field and its list: an editable combobox with a list box. */

import { byId, element, formatCount } from "./dom";
import { partsOf, type Found, type TitleSearch } from "./search";

export interface SearchEvents {
  /** The matches changed; an empty list when the field is cleared. */
  found(all: readonly number[]): void;
  choose(index: number): void;
  leave(): void;
}

export class SearchBox {
  private best: number[] = [];
  private active = -1;

  private readonly input = byId<HTMLInputElement>("search");
  private readonly list = byId<HTMLUListElement>("hits");
  private readonly status = byId("search-status");

  constructor(
    private readonly search: TitleSearch,
    private readonly titles: readonly string[],
    private readonly events: SearchEvents,
  ) {
    const { input, list } = this;
    input.addEventListener("focus", () => {
      this.search.prepare();
      if (input.value) this.refresh();
    });
    input.addEventListener("input", () => this.refresh());
    input.addEventListener("keydown", this.key);
    input.addEventListener("blur", () => this.open(false));
    // The list must not take the focus from the field, or the blur would close it before the click.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    input.disabled = false;
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  private refresh(): void {
    const found = this.search.find(this.input.value);
    this.best = found.best;
    this.active = -1;
    this.render(found);
    this.events.found(found.all);
  }

  private render(found: Found): void {
    const options = found.best.map((index, place) => this.option(index, place));
    this.list.replaceChildren(...options);
    const query = this.input.value.trim();
    const shown = found.total > found.best.length ? `, the best ${found.best.length} shown` : "";
    const count = found.total === 1 ? "1 title" : `${formatCount(found.total)} titles`;
    this.status.textContent = query ? (found.total ? `${count}${shown}` : "No title has these words.") : "";
    this.open(query !== "");
    this.mark();
  }

  private option(index: number, place: number): HTMLLIElement {
    const attributes = { role: "option", id: `hit-${place}`, "aria-selected": "false" };
    const parts = partsOf(this.titles[index] ?? "", this.input.value);
    const title = parts.map(({ text, hit }) => element(hit ? "b" : "span", { text }));
    // One child holds the parts, so that a title wraps as a text does.
    const option = element("li", { attributes }, [element("bdi", {}, title)]);
    option.addEventListener("click", () => this.choose(place));
    return option;
  }

  private open(open: boolean): void {
    this.input.setAttribute("aria-expanded", String(open && this.best.length > 0));
    this.list.hidden = !open || this.best.length === 0;
    this.status.hidden = !open;
  }

  private readonly key = (event: KeyboardEvent): void => {
    const last = this.best.length - 1;
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
    if (this.input.value) {
      this.input.value = "";
      this.refresh();
    } else {
      this.events.leave();
    }
  }

  private mark(): void {
    [...this.list.children].forEach((option, i) =>
      option.setAttribute("aria-selected", String(i === this.active)),
    );
    const active = this.list.children[this.active];
    if (active) {
      this.input.setAttribute("aria-activedescendant", active.id);
      active.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  private choose(place: number): void {
    const index = this.best[place];
    if (index === undefined) return;
    this.open(false);
    this.events.choose(index);
  }
}
