/** The page: load the map, show it, and let search, quiz and map speak with each other. */

import "./styles/base.css";
import "./styles/map.css";
import "./styles/cards.css";
import "./styles/quiz.css";
import "./styles/survey.css";
import "./styles/tour.css";
import "./styles/place.css";
import "./styles/phone.css";
import { byId } from "./dom";
import { loadMap, loadPoints, loadQuestions, loadTitles, Texts } from "./payload";
import { Page } from "./page";
import { startTheme } from "./theme";

async function start(): Promise<void> {
  startTheme(byId<HTMLButtonElement>("theme"));
  const map = await loadMap();
  document.title = map.title;
  byId("title").textContent = map.title;
  const [points, titles, questions] = await Promise.all([loadPoints(map), loadTitles(), loadQuestions(map)]);
  // Names are measured, so the typeface must be there before they are placed.
  await document.fonts.ready;
  new Page({ map, points, titles, texts: new Texts(map.text_block) }, questions);
  document.documentElement.dataset["state"] = "ready";
}

start().catch((error: unknown) => {
  document.documentElement.dataset["state"] = "failed";
  byId("failure-text").textContent = error instanceof Error ? error.message : String(error);
  byId("failure").hidden = false;
});
