/** Which articles the filters leave on the map. */

export type FilterName = "time" | "kind";

export class Shown {
  private mask: Uint8Array;
  private readonly filters = new Map<FilterName, (index: number) => boolean>();
  private readonly listeners = new Set<() => void>();
  private left: number;

  constructor(private readonly total: number) {
    this.mask = new Uint8Array(total).fill(1);
    this.left = total;
  }

  readonly has = (index: number): boolean => this.mask[index] === 1;

  get count(): number {
    return this.left;
  }

  get all(): boolean {
    return this.left === this.total;
  }

  /** Call `changed` after every change. */
  watch(changed: () => void): void {
    this.listeners.add(changed);
  }

  /** Set one filter, or take it away with null; whether that may have changed anything. */
  set(name: FilterName, passes: ((index: number) => boolean) | null): boolean {
    if (passes) this.filters.set(name, passes);
    else if (!this.filters.delete(name)) return false;
    const filters = [...this.filters.values()];
    this.left = 0;
    for (let i = 0; i < this.total; i++) {
      const passed = filters.every((filter) => filter(i)) ? 1 : 0;
      this.mask[i] = passed;
      this.left += passed;
    }
    for (const changed of this.listeners) changed();
    return true;
  }
}
