/** The menu of the interface's languages, each named in itself. */

import { byId, element } from "./dom";
import { inNotebook } from "./notebook";
import { keepLanguage, LANGUAGES } from "./words";

const nameOf = (code: string): string => new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;

/** `leave` notes in the address where the reader is, since another language loads the page again. */
export function startLanguageMenu(leave: () => void): void {
  // A notebook's frame cannot be loaded again.
  byId("language-row").hidden = inNotebook();
  const menu = byId<HTMLSelectElement>("language");
  menu.append(...LANGUAGES.map((code) => element("option", { text: nameOf(code), attributes: { value: code, lang: code } })));
  menu.value = document.documentElement.lang;
  menu.addEventListener("change", () => {
    keepLanguage(menu.value);
    leave();
    location.reload();
  });
}
