/** One drawing loop for the page: it runs while something moves, and rests otherwise. */

export type Tick = (now: number) => boolean;

export class Frames {
  private pending = 0;
  private readonly ticks = new Set<Tick>();

  constructor(private readonly draw: (now: number, moving: boolean) => void) {}

  /** Whether a frame is to be drawn. */
  get busy(): boolean {
    return this.pending !== 0;
  }

  /** Draw once at the next frame. */
  request(): void {
    if (!this.pending) this.pending = requestAnimationFrame(this.run);
  }

  /** Call `tick` before every frame until it returns false. */
  animate(tick: Tick): void {
    this.ticks.add(tick);
    this.request();
  }

  private readonly run = (now: number): void => {
    this.pending = 0;
    for (const tick of [...this.ticks]) if (!tick(now)) this.ticks.delete(tick);
    const moving = this.ticks.size > 0;
    if (moving) this.request();
    this.draw(now, moving);
  };
}
