/** A list of any length of which only the rows in sight are in the document. */

import { element } from "./dom";

/** Rows beyond the edges, so that a quick scroll shows no gap. */
const BEYOND = 6;

export class VirtualList {
  private readonly inner = element("ul", { class: "virtual-rows" });
  private readonly rows = new Map<number, HTMLElement>();
  private count = 0;

  constructor(
    private readonly host: HTMLElement,
    private readonly rowHeight: number,
    private readonly button: (row: number) => HTMLButtonElement,
  ) {
    host.append(this.inner);
    host.addEventListener("scroll", () => this.fill());
    host.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.fill()).observe(host);
  }

  show(count: number): void {
    this.count = count;
    this.rows.clear();
    this.inner.replaceChildren();
    this.inner.style.height = `${count * this.rowHeight}px`;
    this.host.scrollTop = 0;
    this.fill();
  }

  private fill(): void {
    const from = Math.max(Math.floor(this.host.scrollTop / this.rowHeight) - BEYOND, 0);
    const to = Math.min(Math.ceil((this.host.scrollTop + this.host.clientHeight) / this.rowHeight) + BEYOND, this.count);
    for (const [row, node] of this.rows) {
      // The row with the focus stays, or the keyboard would lose its place.
      if ((row >= from && row < to) || node.contains(document.activeElement)) continue;
      node.remove();
      this.rows.delete(row);
    }
    for (let row = from; row < to; row++) if (!this.rows.has(row)) this.add(row);
  }

  private add(row: number): HTMLElement {
    const attributes = { "aria-setsize": String(this.count), "aria-posinset": String(row + 1) };
    const node = element("li", { attributes }, [this.button(row)]);
    node.style.transform = `translateY(${row * this.rowHeight}px)`;
    this.rows.set(row, node);
    // Rows stand in the document in their order, so that the tab key and screen readers follow it.
    const after = [...this.rows].filter(([other]) => other > row).sort(([a], [b]) => a - b)[0]?.[1] ?? null;
    this.inner.insertBefore(node, after);
    return node;
  }

  private key(event: KeyboardEvent): void {
    const at = [...this.rows].find(([, node]) => node.contains(document.activeElement))?.[0];
    if (at === undefined) return;
    const targets: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.count - 1 };
    const target = targets[event.key];
    if (target === undefined || target < 0 || target >= this.count) return;
    event.preventDefault();
    const node = this.rows.get(target) ?? this.add(target);
    node.querySelector("button")?.focus({ preventScroll: true });
    const top = target * this.rowHeight;
    const { scrollTop, clientHeight } = this.host;
    if (top < scrollTop) this.host.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) this.host.scrollTop = top + this.rowHeight - clientHeight;
  }
}
