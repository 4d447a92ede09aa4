/** The panel that says what the reader knows: by region, what to read next, and how to keep and share it. */

import type { Answers } from "./answers";
import { byId, element } from "./dom";
import { toFragment } from "./fragment";
import { fromFile, ProgressError, toCode, toFile } from "./progress";
import type { Question } from "./payload";
import { copyLink, linkWith, saveFile } from "./share";
import { INTERVAL, type Reading, type Share, type Survey } from "./survey";
import { formatDigits, formatPercent, formatPercents, say } from "./words";

export interface SurveyEvents {
  open(): void;
  closed(): void;
  /** Answers came from a file. */
  taken(): void;
  read(article: number): void;
  picture(): void;
}

const FILE = "answers.json";
const READINGS = 5;
const MOST_REGIONS = 12;
/** An expected gain is told from this on, in points. */
const LEAST_GAIN = 0.1;
const range = ({ low, high }: Share): string => formatPercents(low, high);

export class SurveyPanel {
  private readonly panel = byId("survey");
  private readonly button = byId<HTMLButtonElement>("survey-open");
  private readonly status = byId("survey-status");

  constructor(
    private readonly survey: Survey,
    private readonly answers: Answers,
    private readonly questions: readonly Question[],
    private readonly titles: readonly string[],
    private readonly events: SurveyEvents,
  ) {
    this.button.hidden = false;
    this.button.addEventListener("click", () => this.toggle(Boolean(this.panel.hidden)));
    byId("survey-close").addEventListener("click", () => this.close());
    // A link into a file on this machine, or into a notebook, leads nobody anywhere.
    byId("survey-link").hidden = !location.protocol.startsWith("http");
    byId("survey-link").addEventListener("click", () => this.copyLink());
    byId("survey-picture").addEventListener("click", () => this.events.picture());
    byId("survey-save").addEventListener("click", () => this.saveFile());
    const file = byId<HTMLInputElement>("survey-file");
    byId("survey-load").addEventListener("click", () => file.click());
    file.addEventListener("change", () => void this.loadFile(file));
  }

  close(): void {
    if (this.panel.hidden) return;
    this.toggle(false);
    this.events.closed();
    this.button.focus({ preventScroll: true });
  }

  /** Make way for another card, without moving the focus. */
  hide(): void {
    this.toggle(false);
  }

  /** Show what is known now. */
  update(): void {
    if (this.panel.hidden) return;
    const whole = this.survey.whole();
    byId("survey-whole").textContent =
      this.answers.count === 0
        ? say("survey.nothing")
        : say("survey.whole", {
            share: formatPercent(whole.mean),
            range: range(whole),
            told: formatPercent(this.survey.told()),
          });
    byId("survey-regions").replaceChildren(...this.survey.byRegion().slice(0, MOST_REGIONS).map(regionRow));
    byId("survey-reading").replaceChildren(
      ...this.survey.toRead(READINGS).map((reading) => this.readingRow(reading)),
    );
  }

  private toggle(open: boolean): void {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    this.status.textContent = "";
    if (!open) return;
    this.events.open();
    this.update();
    byId("survey-name").focus({ preventScroll: true });
  }

  private readingRow({ article, gain, why }: Reading): HTMLLIElement {
    const title = element("bdi", { text: this.titles[article] ?? say("survey.article") });
    const button = element("button", { class: "kin-name", attributes: { type: "button" } }, [title]);
    button.addEventListener("click", () => this.events.read(article));
    const points = gain * 100;
    const told = formatDigits(Math.max(points, LEAST_GAIN), 1);
    const gained = say(points >= LEAST_GAIN ? "survey.gain" : "survey.gain-less", { points: told });
    return element("li", {}, [
      element("div", { class: "survey-line" }, [button, element("span", { class: "survey-number", text: gained })]),
      element("p", { class: "quiet", text: say(`survey.${why}`) }),
    ]);
  }

  private copyLink(): void {
    const link = linkWith(toFragment({ answers: toCode(this.questions, this.answers.pairs()) }));
    void copyLink(link, this.status, say("survey.copied"));
  }

  private saveFile(): void {
    saveFile(FILE, [toFile(document.title, this.answers.pairs())], "application/json");
    this.tell(say("survey.saved", { count: this.answers.count, name: FILE }));
  }

  private async loadFile(file: HTMLInputElement): Promise<void> {
    const chosen = file.files?.[0];
    if (!chosen) return;
    try {
      const taken = this.answers.takeOver(fromFile(this.questions, await chosen.text()));
      this.events.taken();
      this.update();
      this.tell(say("survey.taken", { count: taken }));
    } catch (error) {
      if (!(error instanceof ProgressError)) throw error;
      this.tell(error.message);
    }
    file.value = "";
  }

  private tell(words: string): void {
    this.status.textContent = words;
  }
}

/** A region's name, its interval as a bar with the mean as a mark, and both in figures. */
function regionRow(region: Share & { label: string }): HTMLLIElement {
  const bar = element("span", { class: "survey-bar", attributes: { "aria-hidden": "true" } }, [
    element("span", { class: "survey-range" }),
    element("span", { class: "survey-mean" }),
  ]);
  bar.style.setProperty("--low", String(region.low));
  bar.style.setProperty("--high", String(region.high));
  bar.style.setProperty("--mean", String(region.mean));
  return element("li", {}, [
    element("div", { class: "survey-line" }, [
      element("bdi", { class: "survey-label", text: region.label }),
      element("span", { class: "survey-number" }, [
        element("b", { text: formatPercent(region.mean) }),
        element("span", { class: "quiet", text: range(region), attributes: { title: say("survey.interval", { share: formatPercent(INTERVAL) }) } }),
      ]),
    ]),
    bar,
  ]);
}
