/** Copies answers as the Markdown they are, and code as text. */

import { Controller } from "@hotwired/stimulus";
import { t } from "../models/words";
import { copyText } from "../rendering/copying";
import { icon } from "../rendering/elements";
import { session } from "../session";

const SHOWN_MS = 1_500;

export default class ClipboardController extends Controller<HTMLElement> {
  copyCode(event: Event): void {
    const button = event.currentTarget as HTMLButtonElement;
    const code = button.closest("figure")?.querySelector("code")?.textContent ?? "";
    void this.#copy(code, button);
  }

  copyMessage(event: Event): void {
    const button = event.currentTarget as HTMLButtonElement;
    const id = button.closest<HTMLElement>("[data-message]")?.dataset["message"] ?? "";
    const { thread } = session();
    const message = thread.path.find(id);
    if (message !== undefined) void this.#copy(thread.shown(message).content, button);
  }

  async #copy(text: string, button: HTMLButtonElement): Promise<void> {
    const copied = await copyText(text);
    const mark = button.querySelector(".icon");
    const words = button.querySelector("span");
    const name = button.getAttribute("aria-label");
    const said = copied ? t("Copied") : t("Copying is not allowed here");
    mark?.replaceWith(icon(copied ? "check" : "circle-alert"));
    if (words !== null) words.textContent = said;
    else button.setAttribute("aria-label", said);
    setTimeout(() => {
      button.querySelector(".icon")?.replaceWith(icon("copy"));
      if (words !== null) words.textContent = t("Copy");
      else if (name !== null) button.setAttribute("aria-label", name);
    }, SHOWN_MS);
  }
}
