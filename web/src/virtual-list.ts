/** Rows of any number, in a list or a table, of which only those in sight are in the document. */

/** Rows beyond the edges, so that a quick scroll shows no gap. */
const BEYOND = 6;

export class VirtualList {
  private readonly rows = new Map<number, HTMLElement>();
  private count = 0;

  constructor(
    /** What scrolls, and what in it holds the rows. */
    private readonly host: HTMLElement,
    private readonly inner: HTMLElement,
    private readonly rowHeight: number,
    /** A row with a button in it. */
    private readonly make: (row: number, count: number) => HTMLElement,
  ) {
    host.addEventListener("scroll", () => this.fill());
    inner.addEventListener("keydown", (event) => this.key(event));
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

  /** Bring a row into sight, and the keyboard to its button. */
  focus(row: number): void {
    if (row < 0 || row >= this.count) return;
    const node = this.rows.get(row) ?? this.add(row);
    node.querySelector("button")?.focus({ preventScroll: true });
    const top = row * this.rowHeight;
    // The head of a table stays above its rows.
    const seen = this.host.clientHeight - this.inner.offsetTop;
    if (top < this.host.scrollTop) this.host.scrollTop = top;
    else if (top + this.rowHeight > this.host.scrollTop + seen) this.host.scrollTop = top + this.rowHeight - seen;
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
    const node = this.make(row, this.count);
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
    this.focus(target);
  }
}
