/** Light, dark, or as the system says. */

export type Theme = "auto" | "light" | "dark";

const KEY = "tram:theme";

export function chosenTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === "light" || stored === "dark" ? stored : "auto";
  } catch {
    return "auto";
  }
}

export function keepTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    return;
  }
}

/** Sets the theme on the page's root; its styles do the rest. */
export function applyTheme(theme: Theme, root: { dataset: DOMStringMap }): void {
  if (theme === "auto") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
}
