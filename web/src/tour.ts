/**
 * Three steps that tell a first visitor what the page is; once gone through or skipped they wait behind a button, and
 * from the start where nothing could remember that.
 */

import { byId } from "./dom";
import { say } from "./words";

interface Step {
  name: "land" | "quiz" | "search" | "read" | "open";
  /** What it speaks of is framed. */
  about: string;
}

const LAND: Step = { name: "land", about: "map" };
const QUIZ: Step = { name: "quiz", about: "quiz" };
const SEARCH: Step = { name: "search", about: "search" };
const READ: Step = { name: "read", about: "survey-open" };
const OPEN: Step = { name: "open", about: "map" };

const KEY = "knowscape:toured";

export class Tour {
  private readonly card = byId("tour");
  private readonly steps: readonly Step[];
  private at = 0;

  constructor(
    quiz: boolean,
    private readonly storage: Pick<Storage, "getItem" | "setItem"> | null,
    private readonly changed: () => void,
  ) {
    this.steps = quiz ? [LAND, QUIZ, READ] : [LAND, SEARCH, OPEN];
    byId("tour-next").addEventListener("click", () => this.go(this.at + 1));
    byId("tour-skip").addEventListener("click", () => this.end());
    byId("tour-open").addEventListener("click", () => {
      this.go(0);
      byId("tour-name").focus({ preventScroll: true });
    });
    if (!this.seen()) this.go(0);
  }

  /** Whether there was a tour to end. */
  end(): boolean {
    if (this.card.hidden) return false;
    this.card.hidden = true;
    this.frame(null);
    try {
      this.storage?.setItem(KEY, "1");
    } catch {
      // A full or forbidden storage shows the tour again.
    }
    this.changed();
    return true;
  }

  private seen(): boolean {
    if (!this.storage) return true;
    try {
      return this.storage.getItem(KEY) !== null;
    } catch {
      return false;
    }
  }

  private go(to: number): void {
    const step = this.steps[to];
    if (!step) {
      this.end();
      byId("map").focus({ preventScroll: true });
      return;
    }
    this.at = to;
    const last = to === this.steps.length - 1;
    byId("tour-count").textContent = say("tour.count", { step: to + 1, all: this.steps.length });
    byId("tour-name").textContent = say(`tour.${step.name}`);
    byId("tour-text").textContent = say(`tour.${step.name}-text`);
    byId("tour-next").textContent = say(last ? "tour.begin" : "tour.next");
    byId("tour-skip").hidden = last;
    this.card.hidden = false;
    this.frame(step.about);
    this.changed();
  }

  private frame(about: string | null): void {
    for (const framed of document.querySelectorAll(".toured")) framed.classList.remove("toured");
    if (about && about !== "map") document.getElementById(about)?.classList.add("toured");
  }
}
