/** Light or dark: the system's choice until the reader makes another. */

import { browserStorage } from "./storage";
import { byId } from "./dom";

type Theme = "light" | "dark";

const KEY = "knowscape:theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** The theme that a link asks for: for this visit alone. */
let visited: Theme | null = null;

/** The theme that the reader, or the link that led here, has chosen. */
export function chosenTheme(): Theme | null {
  if (visited) return visited;
  try {
    const value = browserStorage()?.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}

const currentTheme = (): Theme => (document.documentElement.dataset["theme"] === "dark" ? "dark" : "light");

const listeners = new Set<() => void>();

function show(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  byId("theme").setAttribute("aria-pressed", String(theme === "dark"));
  for (const changed of listeners) changed();
}

/** Call `changed` now and after every change of the theme. */
export function onTheme(changed: () => void): void {
  listeners.add(changed);
  changed();
}

/** Set the theme, and follow the system where the reader has not chosen. */
export function startTheme(): void {
  show(chosenTheme() ?? (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => {
    if (!chosenTheme()) show(system.matches ? "dark" : "light");
  });
  byId("theme").addEventListener("click", () => {
    visited = null;
    const next = currentTheme() === "dark" ? "light" : "dark";
    try {
      browserStorage()?.setItem(KEY, next);
    } catch {
      // A forbidden storage only means that the choice lasts as long as the page.
    }
    show(next);
  });
}

/** Show a theme for this visit. */
export function visitTheme(theme: Theme): void {
  visited = theme;
  if (theme !== currentTheme()) show(theme);
}
