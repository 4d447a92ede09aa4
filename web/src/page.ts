/** What the parts of the page tell each other. */

import type { Answers } from "./answers";
import { Api, type Placement } from "./api";
import { ArticlePanel, placeOf, type Library } from "./article";
import { readPalette } from "./colour";
import { byId, inSlices, SLICE_MS, whenIdle } from "./dom";
import { MODES, type Mode } from "./choice";
import { estimateAt, type Estimate, type Field } from "./field";
import { Heat } from "./heat";
import { openHook } from "./hook";
import { KEPT, type Kin } from "./kin";
import { drawLegend, startLegend } from "./legend";
import { MapView } from "./map-view";
import { tellNotebook } from "./notebook";
import type { Painter } from "./painter";
import type { Box, Question } from "./payload";
import { Picker } from "./picker";
import { keepPicture } from "./picture";
import { boxAround, PlacePanel } from "./place-panel";
import { Pointing } from "./pointing";
import { QuizCard } from "./quiz";
import { Reading } from "./reading";
import { TitleSearch } from "./search";
import { SearchBox } from "./search-box";
import { openAnswers } from "./shared";
import { Shown } from "./shown";
import { browserStorage } from "./storage";
import { Survey } from "./survey";
import { SurveyPanel } from "./survey-panel";
import { TableView } from "./table";
import { onTheme } from "./theme";
import { Tour } from "./tour";
import { startTrust } from "./trust";
import { formatTime, say } from "./words";

const WHOLE_MAP: Box = [0, 0, 1, 1];
const MOST_HIT_MARKS = 400;

export class Page {
  private readonly region: Box;
  private readonly picker: Picker;
  private readonly view: MapView;
  private readonly answers: Answers;
  private readonly panel: ArticlePanel;
  private readonly api = new Api(() => this.serverChanged());
  private readonly placePanel: PlacePanel;
  private readonly shown: Shown;
  private readonly pointing: Pointing;
  private readonly reading: Reading;
  private readonly table: TableView;
  private searchBox: SearchBox | null = null;
  private readonly survey: Survey | null;
  private readonly surveyPanel: SurveyPanel | null;
  private readonly heat: Heat | null;
  private readonly quiz: QuizCard | null;
  private readonly mode = byId<HTMLSelectElement>("quiz-mode");
  private field: Field | null = null;
  private readonly tour: Tour;
  private readonly mapNode = byId("map");
  private readonly closeLegend = startLegend(() => this.view.measure());
  private hits = 0;
  private lastOpened: Question | null = null;

  constructor(
    private readonly library: Library,
    private readonly questions: readonly Question[],
    painter: Painter,
  ) {
    const { map, points, regions } = library;
    this.region = map.question_region ?? WHOLE_MAP;
    this.shown = new Shown(points.count);
    this.picker = new Picker(points, this.shown.has);
    this.panel = new ArticlePanel(library, {
      closed: (index) => this.articleClosed(index),
      kin: (index, kin) => this.showKin(index, kin),
      go: (index) => this.open(index, true),
    });
    this.answers = openAnswers(map, questions);
    this.view = this.makeView(painter);
    this.survey = map.knowledge
      ? new Survey(map.knowledge, regions, points, this.region, questions, this.answers)
      : null;
    this.field = this.survey?.field() ?? null;
    this.heat = this.field ? new Heat(this.field, (field) => this.view.setField(field)) : null;
    startTrust(map, (on) => this.view.setDistrust(on));
    this.pointing = new Pointing(library, this.view, this.picker, (index) => this.colourOf(index), {
      open: (index) => this.open(index, false),
      nothing: () => this.panel.close(),
    });
    this.quiz = this.survey ? this.makeQuiz(this.survey) : null;
    this.surveyPanel = this.survey ? this.makeSurveyPanel(this.survey) : null;
    this.placePanel = this.makePlacePanel();
    this.tour = new Tour(this.quiz !== null, browserStorage(), () => this.view.measure());
    this.startTools();
    document.addEventListener("keydown", (event) => this.pageKey(event));
    this.describeMap();
    this.watchCards();
    this.view.measure();
    this.view.fit(this.region, false);
    this.reading = this.makeReading();
    this.table = new TableView(library, this.view, this.picker, this.shown, {
      open: (index) => this.open(index, true),
      fly: (region) => this.reading.fly(region),
      known: () => this.survey?.articles() ?? null,
    });
    onTheme(() => this.repaint());
    this.view.raiseLand(this.picker);
    this.tellTests();
    void this.api.start();
  }

  /** The titles are there: they can be searched, and stand on the map. */
  titlesArrived(): void {
    const search = new TitleSearch(this.library.titles);
    this.searchBox = this.makeSearch(search);
    this.searchBox.serverChanged();
    this.table.refresh();
    this.view.frames.request();
    whenIdle(() => inSlices(() => search.prepare(SLICE_MS)));
  }

  private makeView(painter: Painter): MapView {
    const { map, points, titles, regions } = this.library;
    const { picker, shown } = this;
    let counts: Uint32Array[] = [];
    shown.watch(() => (counts = regions.counts(shown.has)));
    const titleSource = {
      get ready() {
        return picker.ready && titles.length > 0;
      },
      count: points.count,
      inBox: (x0: number, y0: number, x1: number, y1: number) => picker.inBox(x0, y0, x1, y1),
      at: (index: number) => ({ ...placeOf(this.library, index), title: titles[index] ?? "" }),
      shows: (level: number, number: number) => shown.all || (counts[level]?.[number] ?? 0) > 0,
    };
    return new MapView(painter, map, points, titleSource, {
      click: (x, y, reach) => this.pointing.click(x, y, reach),
      hover: (x, y) => this.pointing.hover(x, y),
      leave: () => this.pointing.leave(),
      moved: () => this.pointing?.moved(),
      steered: () => this.reading?.steered(),
    });
  }

  private makeReading(): Reading {
    const { panel } = this;
    return new Reading(this.library, this.view, this.picker, this.shown, this.region, {
      get article() {
        return panel.index;
      },
      open: (index) => this.open(index, true),
      closeArticle: () => panel.close(),
      makeWay: () => {
        panel.close();
        this.surveyPanel?.hide();
      },
      selected: (members) => this.tellChosen(members),
    });
  }

  private colourOf(index: number): string | null {
    const { dye } = this.reading.colouring;
    return dye && say("colour.value", { name: dye.name, value: dye.tell(index) });
  }

  private makeSearch(search: TitleSearch): SearchBox {
    return new SearchBox(search, this.library.titles, this.api, {
      found: (all) => {
        this.hits = all.length;
        this.view.mark({ hits: all.slice(0, MOST_HIT_MARKS).map((index) => placeOf(this.library, index)) });
      },
      choose: (index) => this.open(index, true),
      leave: () => this.mapNode.focus(),
    });
  }

  private makePlacePanel(): PlacePanel {
    return new PlacePanel(this.api, this.library.titles, {
      open: () => {
        this.surveyPanel?.hide();
        this.panel.close();
        this.view.measure();
      },
      closed: () => this.view.measure(),
      placed: (found) => this.showPlaced(found),
      read: (index) => this.open(index, true),
    });
  }

  /** Show where a text belongs, how far its nearest articles lie apart, and these. */
  private showPlaced(found: Placement | null): void {
    this.view.measure();
    if (!found) return this.view.mark({ placed: null });
    const { x, y, spread } = found;
    const to = found.neighbours.map(({ row }) => placeOf(this.library, row));
    this.view.mark({ placed: { x, y, spread, to } });
    this.view.fit(boxAround(found, to));
  }

  private serverChanged(): void {
    this.searchBox?.serverChanged();
    this.placePanel.serverChanged();
  }

  private makeQuiz(survey: Survey): QuizCard {
    return new QuizCard(this.answers, this.questions.length, this.library.titles, {
      next: (skipped, all) => {
        const start = performance.now();
        const next = survey.next(this.chosenMode(), skipped, all);
        performance.measure("choice", { start });
        return next;
      },
      asked: (question) => {
        this.view.mark({ asked: question, threads: null, answers: this.answers.all() });
        this.view.measure();
        if (question && this.quiz) this.view.keepInSight(question, this.region);
      },
      answered: ({ question }) => {
        const to = question.near.map((index) => placeOf(this.library, index));
        this.view.mark({ asked: null, threads: { from: question, to }, answers: this.answers.all() });
        this.lift();
      },
      reset: () => this.lift(),
      fly: (index) => this.open(index, true),
      summary: () => survey.summary(),
      picture: () => void this.keepPicture(),
    });
  }

  /** The map with the reader's own knowledge on it, as a file or to share. */
  private async keepPicture(): Promise<void> {
    const { count: answered, right } = this.answers;
    const date = formatTime(new Date(), { dateStyle: "long" });
    const picture = this.view.picture(this.region, {
      title: this.library.map.title,
      line: say("picture.line", { right, answered, date }),
      scale: { gaps: say("legend.gaps"), known: say("legend.known"), fog: say("legend.fog") },
    });
    if (picture) await keepPicture(picture, "map.png");
  }

  private chosenMode(): Mode {
    return MODES.find((mode) => mode === this.mode.value) ?? "balanced";
  }

  private makeSurveyPanel(survey: Survey): SurveyPanel {
    this.mode.addEventListener("change", () => this.quiz?.askAnew());
    return new SurveyPanel(survey, this.answers, this.questions, this.library.titles, {
      open: () => {
        this.panel.close();
        this.placePanel.hide();
        this.reading.selection.clear();
        this.view.measure();
      },
      closed: () => this.view.measure(),
      taken: () => {
        this.lift();
        this.quiz?.askAnew();
      },
      read: (article) => this.open(article, true),
      picture: () => void this.keepPicture(),
    });
  }

  /** Let the estimate follow the answers. */
  private lift(): void {
    if (!this.heat || !this.survey) return;
    const start = performance.now();
    this.survey.update();
    this.field = this.survey.field();
    performance.measure("estimate", { start });
    this.surveyPanel?.update();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.heat.set(this.field);
    else this.view.frames.animate(this.heat.lift(this.field));
  }

  private repaint(): void {
    const palette = readPalette(document.documentElement);
    this.view.setPalette(palette);
    drawLegend(byId<HTMLCanvasElement>("legend-scale"), palette);
    this.reading.dress();
  }

  private open(index: number, fly: boolean): void {
    const place = placeOf(this.library, index);
    this.reading.leave();
    this.lastOpened = this.quiz?.current ?? null;
    this.pointing.show(null);
    this.surveyPanel?.hide();
    this.placePanel.hide();
    this.reading.selection.show(false);
    this.view.mark({ chosen: place, kin: null });
    this.panel.open(index, true);
    this.tellChosen();
    this.view.measure();
    if (fly) this.view.flyTo(place);
    this.reading.arrive();
  }

  /** A notebook hears what is selected and, where nothing is, which article is open. */
  private tellChosen(members = this.reading.selection.members): void {
    const { index } = this.panel;
    tellNotebook(members.length > 0 || index === null ? [...members] : [index]);
  }

  private showKin(index: number, kin: readonly Kin[]): void {
    const to = kin.map((one) => ({ ...placeOf(this.library, one.index), kept: one.rank <= KEPT }));
    this.view.mark({ kin: { from: placeOf(this.library, index), to } });
    this.view.measure();
  }

  private articleClosed(index: number): void {
    this.tellChosen();
    const { selection } = this.reading;
    this.reading.arrive();
    this.view.mark({ chosen: null, kin: null });
    selection.show(selection.any);
    this.view.measure();
    if (this.table.isOpen) return this.table.focus(index);
    if (selection.any) return selection.focus();
    // After reading up on a question, the keyboard goes on with the quiz; otherwise with the map.
    const next = byId("quiz-next");
    if (this.lastOpened && this.quiz?.isAnswered && !next.hidden) next.focus({ preventScroll: true });
    else this.mapNode.focus({ preventScroll: true });
  }

  private startTools(): void {
    byId("zoom-in").addEventListener("click", () => this.view.step(1.8));
    byId("zoom-out").addEventListener("click", () => this.view.step(1 / 1.8));
    byId("zoom-fit").addEventListener("click", () => this.view.fit(this.region));
  }

  private escape(): void {
    if (this.tour.end() || this.reading.escape()) return;
    this.closeLegend();
    this.surveyPanel?.close();
    this.placePanel.close();
    this.panel.close();
  }

  private pageKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof HTMLInputElement && event.target.type !== "checkbox") return;
    if (event.target instanceof HTMLTextAreaElement) return;
    if (event.target instanceof HTMLSelectElement && event.key !== "Escape") return;
    if (event.key === "Enter" && event.target instanceof Element && event.target.closest("button, a, .map"))
      return;
    const actions: Record<string, () => void> = {
      "/": () => this.searchBox?.focus(),
      r: () => this.reading.selectHere(),
      t: () => this.table.toggle(),
      "+": () => this.view.step(1.8),
      "=": () => this.view.step(1.8),
      "-": () => this.view.step(1 / 1.8),
      "0": () => this.view.fit(this.region),
      Escape: () => this.escape(),
    };
    const action = actions[event.key];
    if (action) action();
    else if (this.table.isOpen || !this.quiz?.key(event.key)) return;
    event.preventDefault();
  }

  private describeMap(): void {
    const { map } = this.library;
    const names = (map.levels[0] ?? []).slice(0, 8).map((region) => region.label);
    this.mapNode.setAttribute("aria-label", say("map.of", { count: map.documents }));
    byId("map-help").textContent = say("map.help", { names: names.join(", ") });
  }

  /** Names make room for the cards, whatever size those take. */
  private watchCards(): void {
    const observer = new ResizeObserver(() => this.view.measure());
    for (const card of document.querySelectorAll("[data-covers]")) observer.observe(card);
  }

  private tellTests(): void {
    const state = (): object => ({
      documents: this.library.map.documents,
      questions: this.questions.length,
      answered: this.answers.count,
      right: this.answers.right,
      question: this.quiz?.current?.id ?? null,
      hits: this.hits,
      article: this.panel.index,
      server: { finds: this.api.finds, places: this.api.places },
      placed: this.view.marks.placed,
      kin: this.view.marks.kin?.to.map(({ kept }) => kept) ?? null,
      view: { ...this.view.camera.look(), width: this.view.camera.width, height: this.view.camera.height },
      still: !this.view.frames.busy,
      labels: this.view.names(),
      colour: this.reading.colouring.choice,
      shown: this.shown.count,
      selected: [...this.reading.selection.members],
      ready: this.picker.ready && this.searchBox !== null,
    });
    const heat = (x = 0, y = 0): Estimate | null => (this.field ? estimateAt(this.field, x, y) : null);
    const articles = (): object | null => this.survey?.articles() ?? null;
    openHook({ state, heat, articles });
  }
}
