/** Pointer, wheel and key gestures on the map, told as plain intentions. */

import { reducedMotion } from "./dom";
import type { Tick } from "./frames";

export interface Intentions {
  pan(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  /** A smooth zoom step, as from a double click. */
  step(factor: number, x: number, y: number): void;
  click(x: number, y: number, reach: number): void;
  hover(x: number, y: number): void;
  leave(): void;
  stop(): void;
  animate(tick: Tick): void;
}

const SLOP = 5;
const DOUBLE_MS = 320;
const GLIDE_MS = 130;
const TOUCH_REACH = 22;
const MOUSE_REACH = 12;

interface Spot {
  x: number;
  y: number;
}

export class Gestures {
  private readonly down = new Map<number, Spot>();
  private start: Spot = { x: 0, y: 0 };
  private dragged = false;
  private velocity: Spot = { x: 0, y: 0 };
  private lastMove = 0;
  private lastTap = { time: -Infinity, x: 0, y: 0 };

  constructor(
    private readonly node: HTMLElement,
    private readonly to: Intentions,
  ) {
    node.addEventListener("pointerdown", this.press);
    node.addEventListener("pointermove", this.move);
    node.addEventListener("pointerup", this.release);
    node.addEventListener("pointercancel", this.release);
    node.addEventListener("pointerleave", () => this.to.leave());
    node.addEventListener("wheel", this.wheel, { passive: false });
  }

  private spot(event: MouseEvent): Spot {
    const box = this.node.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private readonly press = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.node.setPointerCapture(event.pointerId);
    this.to.stop();
    const spot = this.spot(event);
    this.down.set(event.pointerId, spot);
    this.velocity = { x: 0, y: 0 };
    if (this.down.size === 1) {
      this.start = spot;
      this.dragged = false;
    } else {
      this.dragged = true;
    }
  };

  private readonly move = (event: PointerEvent): void => {
    const spot = this.spot(event);
    const before = this.down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.to.hover(spot.x, spot.y);
      return;
    }
    if (!this.dragged && Math.hypot(spot.x - this.start.x, spot.y - this.start.y) < SLOP) return;
    if (!this.dragged) this.begin();
    if (this.down.size === 1) this.drag(before, spot, event.timeStamp);
    else this.pinch(event.pointerId, before, spot);
    this.down.set(event.pointerId, spot);
  };

  private begin(): void {
    this.dragged = true;
    this.node.classList.add("dragging");
    this.to.leave();
  }

  private drag(before: Spot, spot: Spot, time: number): void {
    const dx = spot.x - before.x;
    const dy = spot.y - before.y;
    const took = Math.max(time - this.lastMove, 1);
    this.lastMove = time;
    this.velocity = {
      x: 0.6 * this.velocity.x + (0.4 * dx) / took,
      y: 0.6 * this.velocity.y + (0.4 * dy) / took,
    };
    this.to.pan(dx, dy);
  }

  private pinch(id: number, before: Spot, spot: Spot): void {
    const other = [...this.down].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const factor =
      Math.hypot(spot.x - other.x, spot.y - other.y) /
      Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1);
    this.to.pan((spot.x - before.x) / 2, (spot.y - before.y) / 2);
    this.to.zoom(factor, (spot.x + other.x) / 2, (spot.y + other.y) / 2);
  }

  private readonly release = (event: PointerEvent): void => {
    if (!this.down.delete(event.pointerId) || this.down.size > 0) return;
    this.node.classList.remove("dragging");
    if (event.type === "pointercancel") return;
    if (!this.dragged) this.tap(event);
    else if (event.timeStamp - this.lastMove < 60 && !reducedMotion()) this.glide();
  };

  private tap(event: PointerEvent): void {
    const { x, y } = this.spot(event);
    const last = this.lastTap;
    if (event.timeStamp - last.time < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < 24) {
      this.lastTap = { time: -Infinity, x, y };
      this.to.step(event.shiftKey ? 0.5 : 2, x, y);
      return;
    }
    this.lastTap = { time: event.timeStamp, x, y };
    this.to.click(x, y, event.pointerType === "touch" ? TOUCH_REACH : MOUSE_REACH);
  }

  private glide(): void {
    let last = 0;
    let { x, y } = this.velocity;
    this.to.animate((now) => {
      const took = last ? Math.min(now - last, 50) : 16;
      last = now;
      if (this.down.size > 0 || Math.hypot(x, y) < 0.02) return false;
      this.to.pan(x * took, y * took);
      const left = Math.exp(-took / GLIDE_MS);
      x *= left;
      y *= left;
      return true;
    });
  }

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    this.to.stop();
    const unit =
      event.deltaMode === WheelEvent.DOM_DELTA_LINE
        ? 18
        : event.deltaMode === WheelEvent.DOM_DELTA_PAGE
          ? 400
          : 1;
    const amount = Math.min(Math.max(event.deltaY * unit, -240), 240);
    const { x, y } = this.spot(event);
    this.to.zoom(Math.exp(-amount * (event.ctrlKey ? 0.009 : 0.0022)), x, y);
  };
}
