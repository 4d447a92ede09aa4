/** Whose answers the page shows: this browser's, or those that came with a link. */

import { Answers, browserStorage, storageKey } from "./answers";
import { byId } from "./dom";
import type { MapInfo, Question } from "./payload";
import { fromFragment, ProgressError } from "./progress";

/** Open the answers; those of a link are kept only when the reader says so. */
export function openAnswers(map: MapInfo, questions: readonly Question[]): Answers {
  const key = storageKey(map);
  const own = new Answers(questions, key, browserStorage());
  window.addEventListener("hashchange", () => location.reload());
  byId("shared-leave").addEventListener("click", leave);
  try {
    const pairs = fromFragment(questions, location.hash);
    if (!pairs) return own;
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
