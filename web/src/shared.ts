/** Whose answers the page shows: this browser's, or those that came with a link. */

import { Answers, storageKey } from "./answers";
import { byId } from "./dom";
import { fromFragment } from "./fragment";
import type { MapInfo, Question } from "./payload";
import { fromCode, ProgressError } from "./progress";
import { browserStorage } from "./storage";

/** Open the answers; those of a link are kept only when the reader says so. */
export function openAnswers(map: MapInfo, questions: readonly Question[]): Answers {
  const key = storageKey(map);
  const own = new Answers(questions, key, browserStorage());
  byId("shared-leave").addEventListener("click", leave);
  try {
    const { answers } = fromFragment(location.hash);
    if (answers === undefined) return own;
    const pairs = fromCode(questions, answers);
    const shared = new Answers(questions, key, null);
    shared.takeOver(pairs);
    byId("shared-keep").addEventListener("click", () => {
      own.takeOver(pairs);
      leave();
    });
    byId("shared").hidden = false;
    return shared;
  } catch (error) {
    if (!(error instanceof ProgressError)) throw error;
    byId("shared-text").textContent = error.message;
    byId("shared-keep").hidden = true;
    byId("shared").hidden = false;
    return own;
  }
}

function leave(): void {
  history.replaceState(null, "", location.pathname + location.search);
  location.reload();
}
