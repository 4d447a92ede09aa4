/** Light or dark: the system's choice until the reader makes another. */

import { browserStorage } from "./answers";

export type Theme = "light" | "dark";

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

export const currentTheme = (): Theme => (document.documentElement.dataset["theme"] === "dark" ? "dark" : "light");

function apply(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
}

/** Set the theme, follow the system where the reader has not chosen, and tell `changed` of every change. */
export function startTheme(button: HTMLButtonElement, changed: () => void): void {
  const show = (theme: Theme): void => {
    apply(theme);
    button.setAttribute("aria-pressed", String(theme === "dark"));
    changed();
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
