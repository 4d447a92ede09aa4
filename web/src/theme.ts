/** Light or dark: the system's choice until the reader makes another. */

import { browserStorage } from "./answers";

type Theme = "light" | "dark";

const KEY = "knowscape:theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen(): Theme | null {
  try {
    const value = browserStorage()?.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}

const currentTheme = (): Theme => (document.documentElement.dataset["theme"] === "dark" ? "dark" : "light");

const listeners = new Set<() => void>();

/** Call `changed` now and after every change of the theme. */
export function onTheme(changed: () => void): void {
  listeners.add(changed);
  changed();
}

/** Set the theme, and follow the system where the reader has not chosen. */
export function startTheme(button: HTMLButtonElement): void {
  const show = (theme: Theme): void => {
    document.documentElement.dataset["theme"] = theme;
    button.setAttribute("aria-pressed", String(theme === "dark"));
    for (const changed of listeners) changed();
  };
  show(chosen() ?? (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => {
    if (!chosen()) show(system.matches ? "dark" : "light");
  });
  button.addEventListener("click", () => {
    const next = currentTheme() === "dark" ? "light" : "dark";
    try {
      browserStorage()?.setItem(KEY, next);
    } catch {
      // A forbidden storage only means that the choice lasts as long as the page.
    }
    show(next);
  });
}
