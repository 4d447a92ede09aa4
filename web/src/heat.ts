/** The estimate as it is shown: it moves from the old state to the new one, so that the fog is seen to lift. */

import type { Field } from "./field";
import type { Tick } from "./frames";

const LIFT_MS = 900;

export class Heat {
  private from: Field;

  constructor(
    private to: Field,
    private readonly present: (field: Field) => void,
  ) {
    this.from = to;
    present(to);
  }

  /** Show `next` at once. */
  set(next: Field): void {
    this.from = this.to = next;
    this.present(next);
  }

  /** Return a tick that leads to `next` within a second. */
  lift(next: Field): Tick {
    this.from = this.to;
    this.to = next;
    const from = this.from;
    let start = 0;
    return (now) => {
      start ||= now;
      if (this.to !== next) return false;
      const t = Math.min((now - start) / LIFT_MS, 1);
      this.present(t < 1 ? blend(from, next, 1 - (1 - t) ** 3) : next);
      return t < 1;
    };
  }
}

function blend(from: Field, to: Field, share: number): Field {
  const mix = (a: Float32Array, b: Float32Array): Float32Array =>
    b.map((value, i) => (a[i] ?? value) * (1 - share) + value * share);
  return { ...to, mean: mix(from.mean, to.mean), uncertainty: mix(from.uncertainty, to.uncertainty) };
}
