/** Copies answers as the Markdown they are, and code as text. */

import { Controller } from "@hotwired/stimulus";
import { t } from "../models/words";
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
    const copied = await write(text);
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

/** The clipboard proper exists only on https and on this machine; elsewhere a selection is copied. */
async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

function copySelection(text: string): boolean {
  const focused = document.activeElement;
  const holder = document.createElement("textarea");
  holder.className = "visually-hidden";
  holder.value = text;
  document.body.append(holder);
  holder.select();
  const copied = document.execCommand("copy");
  holder.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
