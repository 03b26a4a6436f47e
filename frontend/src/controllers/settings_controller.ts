/** Appearance and language, in the person's menu. */

import { Controller } from "@hotwired/stimulus";
import { applyTheme, chosenTheme, keepTheme, type Theme } from "../models/theme";
import { session } from "../session";

/** Who sees a team's credit and redeems codes for it. */
const MANAGERS = ["owner", "admin"];

export default class SettingsController extends Controller<HTMLElement> {
  static override targets = ["theme", "next", "credit"];
  declare readonly themeTargets: HTMLInputElement[];
  declare readonly nextTarget: HTMLInputElement;
  declare readonly creditTarget: HTMLAnchorElement;
  #leave?: () => void;

  override connect(): void {
    const chosen = chosenTheme();
    for (const choice of this.themeTargets) choice.checked = choice.value === chosen;
    const page = session();
    // The server drew it for the role of then.
    this.#leave = page.on("role", () => {
      this.creditTarget.hidden = !MANAGERS.includes(page.boot.team?.role ?? "");
    });
  }

  override disconnect(): void {
    this.#leave?.();
  }

  theme(): void {
    const chosen = (this.themeTargets.find((choice) => choice.checked)?.value ?? "auto") as Theme;
    keepTheme(chosen);
    applyTheme(chosen, document.documentElement);
  }

  /** The page goes from conversation to conversation without loading, so the way back is known only now. */
  language(): void {
    this.nextTarget.value = location.pathname;
  }

  shortcuts(): void {
    const dialog = document.getElementById("shortcuts");
    if (dialog instanceof HTMLDialogElement) dialog.showModal();
  }
}
