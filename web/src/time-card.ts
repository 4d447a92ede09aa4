/** The time slider: a histogram of the articles by date, two handles, and a button that plays. */

import { formatDate, histogram, yearOf } from "./dates";
import { byId, element, reducedMotion } from "./dom";
import { loadField, type FieldInfo, type MapInfo } from "./payload";
import { say } from "./words";

const DAY_STEPS = 400;
const BARS = 60;
/** A play from end to end takes so many steps, this long each; for those who ask for less motion few and far apart. */
const SMOOTH = { steps: 120, every: 80 };
const CALM = { steps: 12, every: 1000 };

export interface TimeEvents {
  /** Another stretch of time is shown; null where all of it is. */
  changed(passes: ((index: number) => boolean) | null): void;
  /** The reader has let go. */
  chosen(): void;
  opened(): void;
  failed(words: string): void;
}

export class TimeCard {
  /** The column in use, or null while the card is closed. */
  field: number | null = null;
  private readonly card = byId("time");
  private readonly box = byId<HTMLInputElement>("time-on");
  private readonly from = byId<HTMLInputElement>("time-from");
  private readonly to = byId<HTMLInputElement>("time-to");
  private readonly play = byId<HTMLButtonElement>("time-play");
  private readonly which = byId<HTMLSelectElement>("time-which");
  private readonly dated: number[];
  private values: ArrayLike<number> = [];
  private steps = 1;
  private playing = 0;
  private at = 0;

  constructor(
    private readonly map: MapInfo,
    private readonly events: TimeEvents,
  ) {
    this.dated = map.fields.flatMap(({ kind }, number) => (kind === "date" ? [number] : []));
    byId("time-row").hidden = this.dated.length === 0;
    this.which.append(
      ...this.dated.map((number) =>
        element("option", { text: map.fields[number]?.name ?? "", attributes: { value: String(number) } }),
      ),
    );
    this.which.disabled = this.dated.length < 2;
    this.which.addEventListener("change", () => void this.choose(Number(this.which.value)));
    this.box.addEventListener("change", () => {
      if (this.box.checked) void this.choose(this.dated[0] ?? 0);
      else this.close();
    });
    byId("time-close").addEventListener("click", () => {
      this.close();
      this.events.chosen();
    });
    for (const handle of [this.from, this.to]) {
      handle.addEventListener("input", () => this.moved(handle));
      handle.addEventListener("change", () => this.events.chosen());
    }
    this.play.addEventListener("click", () => (this.playing ? this.pause() : this.start()));
  }

  /** Whether a column, by its number, holds dates. */
  offers(field: number): boolean {
    return this.dated.includes(field);
  }

  /** Show a column of dates, all of it or a stretch in days since 1970. */
  async open(field: number, stretch: { from: number; to: number } | null = null): Promise<void> {
    this.pause();
    this.field = field;
    const { values } = await loadField(this.map, field);
    if (this.field !== field) return;
    this.values = values;
    this.which.value = String(field);
    this.box.checked = true;
    const { low = 0, high = 1, by_year: byYear } = this.about();
    this.steps = byYear ? Math.max(yearOf(high) - yearOf(low), 1) : DAY_STEPS;
    for (const handle of [this.from, this.to]) handle.max = String(this.steps);
    this.from.value = stretch ? String(this.placeOf(stretch.from)) : "0";
    this.to.value = stretch ? String(this.placeOf(stretch.to)) : String(this.steps);
    this.drawBars();
    this.card.hidden = false;
    this.events.opened();
    this.tell();
  }

  close(): void {
    this.pause();
    this.field = null;
    this.box.checked = false;
    this.card.hidden = true;
    this.events.opened();
    this.events.changed(null);
  }

  showAll(): void {
    if (this.field === null) return;
    this.pause();
    [this.from.value, this.to.value] = ["0", String(this.steps)];
    this.tell();
  }

  /** The stretch that is shown, in days; null where it is all. */
  get stretch(): { from: number; to: number } | null {
    const [from, to] = [Number(this.from.value), Number(this.to.value)];
    return from === 0 && to === this.steps ? null : { from: this.dayAt(from), to: this.dayAt(to) };
  }

  private async choose(field: number): Promise<void> {
    try {
      await this.open(field);
      this.events.chosen();
    } catch (error) {
      this.close();
      this.events.failed(error instanceof Error ? error.message : String(error));
    }
  }

  private about(): FieldInfo {
    return this.map.fields[this.field ?? 0] ?? { name: "", kind: "date", type: "float32" };
  }

  private dayAt(place: number): number {
    const { low = 0, high = 1, by_year: byYear } = this.about();
    if (byYear) return Date.UTC(yearOf(low) + place, 0, 1) / 86_400_000;
    return low + ((high - low) * place) / this.steps;
  }

  private placeOf(day: number): number {
    const { low = 0, high = 1, by_year: byYear } = this.about();
    const place = byYear ? yearOf(day) - yearOf(low) : ((day - low) / (high - low)) * this.steps;
    return Math.min(Math.max(Math.round(place), 0), this.steps);
  }

  /** A handle that is pushed against the other one takes it along. */
  private moved(handle: HTMLInputElement): void {
    this.pause();
    const other = handle === this.from ? this.to : this.from;
    if (Number(this.from.value) > Number(this.to.value)) other.value = handle.value;
    this.tell();
  }

  private tell(): void {
    const byYear = this.about().by_year;
    const [from, to] = [Number(this.from.value), Number(this.to.value)];
    for (const [handle, shown] of [[this.from, "time-low"], [this.to, "time-high"]] as const) {
      const words = formatDate(this.dayAt(Number(handle.value)), byYear);
      handle.setAttribute("aria-valuetext", words);
      byId(shown).textContent = words;
    }
    const bars = [...byId("time-bars").children];
    bars.forEach((bar, i) => {
      const middle = ((i + 0.5) / bars.length) * this.steps;
      bar.classList.toggle("in", middle >= from && middle <= to);
    });
    const { stretch, values } = this;
    this.events.changed(
      stretch && ((index) => (values[index] ?? NaN) >= stretch.from - 1e-3 && (values[index] ?? NaN) <= stretch.to + 1e-3),
    );
  }

  private drawBars(): void {
    const { low = 0, high = 1 } = this.about();
    const counts = histogram(this.values, low, high, Math.min(BARS, this.steps + 1));
    const most = Math.max(...counts, 1);
    byId("time-bars").replaceChildren(
      ...Array.from(counts, (count) => {
        const bar = element("span");
        bar.style.height = `${count ? Math.max((count / most) * 100, 4) : 0}%`;
        return bar;
      }),
    );
  }

  /** A stretch moves on to the end; all of time is shown as it fills. */
  private start(): void {
    const { steps, every } = reducedMotion() ? CALM : SMOOTH;
    const width = this.stretch ? Number(this.to.value) - Number(this.from.value) : null;
    if (width === null || Number(this.to.value) >= this.steps) {
      this.from.value = "0";
      this.to.value = String(width ?? 0);
    }
    this.at = Number(this.to.value);
    this.play.setAttribute("aria-label", say("time.pause"));
    this.card.classList.add("playing");
    this.playing = window.setInterval(() => {
      this.at = Math.min(this.at + this.steps / steps, this.steps);
      const to = Math.round(this.at);
      this.to.value = String(to);
      if (width !== null) this.from.value = String(to - width);
      this.tell();
      if (to >= this.steps) this.pause();
    }, every);
    this.tell();
  }

  private pause(): void {
    if (!this.playing) return;
    clearInterval(this.playing);
    this.playing = 0;
    this.play.setAttribute("aria-label", say("time.play"));
    this.card.classList.remove("playing");
    this.events.chosen();
  }
}
