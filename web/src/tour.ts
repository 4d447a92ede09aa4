/** Three steps that tell a first visitor what the page is; once gone through or skipped they wait behind a button. */

import { byId } from "./dom";

interface Step {
  name: string;
  text: string;
  /** What it speaks of is framed. */
  about: string;
}

const LAND: Step = {
  name: "Near means alike",
  text: "Every dot is an article, and articles on like subjects lie close together. Drag the map to move it, scroll or pinch to come closer.",
  about: "map",
};
const QUIZ: Step = {
  name: "Answers lift the fog",
  text: "Fog covers what the map does not know of you. Each answer clears the ground around its question: yellow is known, violet is a gap.",
  about: "quiz",
};
const SEARCH: Step = {
  name: "Look for a title",
  text: "What you find is marked on the map: see what lies beside it, and what far away.",
  about: "search",
};
const READ: Step = {
  name: "Read where it pays",
  text: "Press any dot to read its article. “What you know” names what to read next.",
  about: "survey-open",
};
const OPEN: Step = {
  name: "Open an article",
  text: "Press any dot to read its article, with those nearest to it in meaning and how far away they lie here.",
  about: "map",
};

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
    try {
      return this.storage?.getItem(KEY) != null;
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
    byId("tour-count").textContent = `${to + 1} of ${this.steps.length}`;
    byId("tour-name").textContent = step.name;
    byId("tour-text").textContent = step.text;
    byId("tour-next").textContent = last ? "Begin" : "Next";
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
