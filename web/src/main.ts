/** The page: load the map, show it, and let search, quiz and map speak with each other. */

import "./styles/base.css";
import "./styles/map.css";
import "./styles/cards.css";
import "./styles/quiz.css";
import "./styles/survey.css";
import "./styles/tour.css";
import "./styles/place.css";
import "./styles/reading.css";
import "./styles/selection.css";
import "./styles/table.css";
import "./styles/phone.css";
import "./styles/contrast.css";
import { byId } from "./dom";
import { fromFragment } from "./fragment";
import { loadMap, loadPoints, loadQuestions, loadTitles, openPoints, Texts } from "./payload";
import { openPainter } from "./map-view";
import { Page } from "./page";
import { Regions } from "./regions";
import { startTheme } from "./theme";
import { startWords } from "./words";

async function start(): Promise<void> {
  startTheme();
  const [mapLoaded, pointsFile] = [loadMap(), openPoints()];
  // Whoever waits for it says what went wrong.
  for (const one of [mapLoaded, pointsFile]) one.catch(() => undefined);
  await startWords(fromFragment(location.hash).language);
  // The graphics are made ready while the files come.
  const painter = openPainter();
  const map = await mapLoaded;
  document.title = map.title;
  byId("title").textContent = map.title;
  const [points, questions] = await Promise.all([loadPoints(map, pointsFile), loadQuestions(map)]);
  // The titles are the most of it, and the first picture need not share the line with them.
  const titles: string[] = [];
  const titlesLoaded = loadTitles().then((loaded) => {
    for (const title of loaded) titles.push(title);
  });
  titlesLoaded.catch(() => undefined);
  // Names are measured, so the typeface must be there before they are placed.
  await document.fonts.ready;
  const regions = new Regions(map.levels, points);
  const page = new Page({ map, points, regions, titles, titlesLoaded, texts: new Texts(map.text_block) }, questions, painter);
  await titlesLoaded;
  page.titlesArrived();
  document.documentElement.dataset["state"] = "ready";
}

start().catch((error: unknown) => {
  document.documentElement.dataset["state"] = "failed";
  byId("failure-text").textContent = error instanceof Error ? error.message : String(error);
  byId("failure").hidden = false;
});
