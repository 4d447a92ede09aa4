/** The quiz card: one question, five ways to answer, what was right, and on. */

import type { Answer, Answers, Choice } from "./answers";
import { byId, element } from "./dom";
import { setText } from "./math";
import type { Question } from "./payload";
import { say } from "./words";

export interface QuizEvents {
  /** The question to ask next, the skipped ones last; with `all`, also when enough is known. */
  next(skipped: ReadonlySet<Question>, all: boolean): Question | null;
  /** A question came up, or none is left. */
  asked(question: Question | null): void;
  answered(answer: Answer): void;
  reset(): void;
  fly(index: number): void;
  /** What is known in the end, in words: a heading and a line each. */
  summary(): [heading: string, line: string][];
  picture(): void;
}

const LETTERS = ["A", "B", "C", "D", "E", "F", "G", "H"];
const UNKNOWN_KEY = "e";
const SKIP_KEY = "s";

/** A sign for the eye and words for the ear. */
const verdictOf = (sign: string, words: string): HTMLElement[] => [
  element("span", { text: sign, attributes: { "aria-hidden": "true" } }),
  element("span", { class: "unseen", text: words }),
];

export class QuizCard {
  private readonly card = byId("quiz");
  private readonly topic = byId("quiz-topic");
  private readonly tally = byId("quiz-tally");
  private readonly bar = byId("quiz-bar");
  private readonly text = byId("quiz-question");
  private readonly options = byId("quiz-options");
  private readonly unknown = byId<HTMLButtonElement>("quiz-unknown");
  private readonly skip = byId<HTMLButtonElement>("quiz-skip");
  private readonly rest = byId<HTMLButtonElement>("quiz-rest");
  private readonly feedback = byId("quiz-feedback");
  private readonly source = byId("quiz-source");
  private readonly next = byId<HTMLButtonElement>("quiz-next");
  private readonly grab = byId<HTMLButtonElement>("quiz-grab");
  private question: Question | null = null;
  private answer: Answer | null = null;
  private readonly skipped = new Set<Question>();
  private all = false;

  constructor(
    private readonly answers: Answers,
    private readonly total: number,
    private readonly titles: readonly string[],
    private readonly events: QuizEvents,
  ) {
    this.unknown.addEventListener("click", () => this.give(null));
    this.skip.addEventListener("click", () => this.pass());
    this.next.addEventListener("click", () => this.advance(true));
    this.rest.addEventListener("click", () => {
      this.all = true;
      this.advance(true);
    });
    byId("quiz-picture").addEventListener("click", () => this.events.picture());
    byId("quiz-reset").addEventListener("click", () => this.confirmReset());
    this.swipe();
    this.card.hidden = false;
    this.advance(false);
  }

  get current(): Question | null {
    return this.question;
  }

  get isAnswered(): boolean {
    return this.answer !== null;
  }

  /** Take a key that was pressed anywhere but in a field; true if it meant something here. */
  key(key: string): boolean {
    const letter = key.toLowerCase();
    if ((letter === "n" || key === "Enter") && this.answer) {
      this.advance(true);
      return true;
    }
    if (!this.question || this.answer) return false;
    if (letter === UNKNOWN_KEY) {
      this.give(null);
      return true;
    }
    if (letter === SKIP_KEY && !this.skip.hidden) {
      this.pass();
      return true;
    }
    const choice = LETTERS.indexOf(letter.toUpperCase());
    if (choice < 0 || choice >= this.question.options.length || choice === LETTERS.indexOf("E")) return false;
    this.give(choice);
    return true;
  }

  /** Ask another question where none has been answered yet: the mode, or the answers, have changed. */
  askAnew(): void {
    if (this.answer === null) this.advance(false);
    else this.showTally();
  }

  private advance(takeFocus: boolean): void {
    this.answer = null;
    this.question = this.events.next(this.skipped, this.all);
    this.card.classList.remove("answered");
    this.card.classList.toggle("finished", this.question === null);
    this.feedback.replaceChildren();
    this.source.replaceChildren();
    this.next.hidden = true;
    byId("quiz-summary").hidden = this.question !== null;
    this.skip.hidden = this.question === null || this.total - this.answers.count < 2;
    this.showTally();
    if (this.question) this.showQuestion(this.question);
    else this.showEnd();
    if (takeFocus) {
      this.fold(false);
      this.text.focus({ preventScroll: true });
    }
    this.events.asked(this.question);
  }

  private showQuestion(question: Question): void {
    this.topic.textContent = (question.topic ?? say("quiz.topic")).replace(/[-_]+/g, " ");
    setText(this.text, question.question);
    this.unknown.hidden = false;
    this.options.replaceChildren(...question.options.map((option, i) => this.option(option, i)));
  }

  private option(text: string, place: number): HTMLLIElement {
    const letter = LETTERS[place] ?? "";
    const label = element("span", { class: "option-text", attributes: { dir: "auto" } });
    setText(label, text);
    const key = element("span", { class: "key", text: letter });
    const verdict = element("span", { class: "verdict" });
    const button = element(
      "button",
      { class: "option", attributes: { type: "button", "aria-keyshortcuts": letter } },
      [key, label, verdict],
    );
    button.addEventListener("click", () => this.give(place));
    return element("li", {}, [button]);
  }

  private showEnd(): void {
    this.topic.textContent = say("quiz.done");
    const { count: asked, right } = this.answers;
    this.text.textContent =
      asked < this.total
        ? say("quiz.enough", { asked, right, count: this.total - asked })
        : say("quiz.all", { count: asked, right });
    this.options.replaceChildren();
    this.unknown.hidden = true;
    this.rest.hidden = this.answers.count === this.total;
    byId("quiz-shares").replaceChildren(
      ...this.events
        .summary()
        .flatMap(([heading, line]) => [element("dt", { text: heading }), element("dd", { text: line })]),
    );
  }

  /** Ask another question, and this one when no other is left. */
  private pass(): void {
    if (!this.question || this.answer) return;
    // Skipped once more it goes behind those that were skipped before it.
    if (this.skipped.size === this.total - this.answers.count) this.skipped.clear();
    this.skipped.add(this.question);
    this.advance(true);
  }

  private give(choice: Choice): void {
    if (!this.question || this.answer) return;
    this.answer = this.answers.give(this.question, choice);
    this.skipped.delete(this.question);
    this.card.classList.add("answered");
    this.unknown.hidden = true;
    this.skip.hidden = true;
    this.markOptions(this.question, choice);
    this.judge(this.answer);
    this.showSource(this.question);
    this.showTally();
    this.next.hidden = false;
    this.next.focus({ preventScroll: true });
    this.events.answered(this.answer);
  }

  private markOptions(question: Question, choice: Choice): void {
    [...this.options.children].forEach((item, i) => {
      const button = item.querySelector("button");
      const verdict = item.querySelector(".verdict");
      if (!button || !verdict) return;
      button.setAttribute("aria-disabled", "true");
      button.tabIndex = -1;
      if (i === question.correctIndex) {
        button.classList.add("right");
        verdict.replaceChildren(...verdictOf("✓", say(i === choice ? "quiz.is-right" : "quiz.is-answer")));
      } else if (i === choice) {
        button.classList.add("wrong");
        verdict.replaceChildren(...verdictOf("✕", say("quiz.is-yours")));
      } else {
        button.classList.add("other");
      }
    });
  }

  private judge({ right, choice, question }: Answer): void {
    const letter = LETTERS[question.correctIndex] ?? "";
    const words = say(right ? "quiz.said-right" : choice === null ? "quiz.said-unknown" : "quiz.said-wrong", { letter });
    this.feedback.replaceChildren(element("p", { text: words }));
    if (!question.explanation) return;
    const why = element("p", { class: "explanation", attributes: { dir: "auto" } });
    setText(why, question.explanation);
    this.feedback.append(why);
  }

  private showSource({ source }: Question): void {
    if (source === null) return;
    const title = element("bdi", { text: this.titles[source] ?? say("quiz.its-article") });
    const button = element("button", { class: "fly", attributes: { type: "button" } }, [title]);
    button.addEventListener("click", () => this.events.fly(source));
    this.source.replaceChildren(element("span", { text: say("quiz.source") }), button);
  }

  private showTally(): void {
    const { count, right } = this.answers;
    const asked = Math.min(count + (this.answer || !this.question ? 0 : 1), this.total);
    this.tally.textContent = say("quiz.tally", { asked, all: this.total });
    this.bar.style.setProperty("--done", String(count / Math.max(this.total, 1)));
    this.bar.setAttribute("aria-valuenow", String(count));
    this.bar.setAttribute("aria-valuemax", String(this.total));
    this.bar.setAttribute("aria-valuetext", say("quiz.progress", { answered: count, right }));
    byId("quiz-score").textContent = count ? say("quiz.score", { right, answered: count }) : say("quiz.promise");
    byId("quiz-reset").hidden = count === 0;
  }

  /** Start over takes two presses: the first one only asks. */
  private confirmReset(): void {
    const button = byId<HTMLButtonElement>("quiz-reset");
    if (button.dataset["sure"] === undefined) {
      button.dataset["sure"] = "";
      button.textContent = say("quiz.reset-sure");
      setTimeout(() => this.calm(button), 4000);
      return;
    }
    this.calm(button);
    this.answers.clear();
    this.skipped.clear();
    this.all = false;
    this.events.reset();
    this.advance(true);
  }

  private calm(button: HTMLButtonElement): void {
    delete button.dataset["sure"];
    button.textContent = say("quiz.reset");
  }

  /** On a phone the card is a sheet that folds to its head. */
  private fold(folded: boolean): void {
    this.card.classList.toggle("folded", folded);
    this.grab.setAttribute("aria-expanded", String(!folded));
  }

  /** The handle folds the sheet when it is pressed, or swiped; a press that ends a swipe does not undo it. */
  private swipe(): void {
    let from: number | null = null;
    let swiped = false;
    this.grab.addEventListener("pointerdown", (event) => {
      from = event.clientY;
      swiped = false;
      this.grab.setPointerCapture(event.pointerId);
    });
    this.grab.addEventListener("pointermove", (event) => {
      if (from === null || Math.abs(event.clientY - from) < 24) return;
      this.fold(event.clientY > from);
      from = null;
      swiped = true;
    });
    // Also where the system takes the touch away.
    this.grab.addEventListener("lostpointercapture", () => (from = null));
    // A finger's swipe is followed by no click, and a key's click by no pointer (its detail is 0).
    this.grab.addEventListener("click", (event) => {
      if (!swiped || event.detail === 0) this.fold(!this.card.classList.contains("folded"));
      swiped = false;
    });
  }
}
