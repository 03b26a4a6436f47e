/** Search over conversations and commands, from the keyboard. */

import { Controller } from "@hotwired/stimulus";
import { ApiError } from "../api";
import { moment } from "../models/format";
import { plain } from "../models/model_choice";
import { t } from "../models/words";
import { element, icon } from "../rendering/elements";
import { session } from "../session";
import { closeFromOutside, moveFocus } from "./dialogs";

const SEARCH_AFTER_MS = 120;

interface Choice {
  symbol: string;
  words: string;
  note?: string;
  act: () => void;
}

export default class PaletteController extends Controller<HTMLDialogElement> {
  static override targets = ["search", "list", "empty"];
  declare readonly searchTarget: HTMLInputElement;
  declare readonly listTarget: HTMLElement;
  declare readonly emptyTarget: HTMLElement;

  #timer = 0;
  #search = 0;

  readonly #open = (): void => {
    if (this.element.open) return;
    this.searchTarget.value = "";
    this.#show(this.#commands(), []);
    this.element.showModal();
    this.searchTarget.focus();
    void this.#find();
  };

  override connect(): void {
    this.element.addEventListener("palette:open", this.#open);
  }

  override disconnect(): void {
    this.element.removeEventListener("palette:open", this.#open);
  }

  search(): void {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#find(), SEARCH_AFTER_MS);
  }

  outside(event: MouseEvent): void {
    closeFromOutside(this.element, event);
  }

  key(event: KeyboardEvent): void {
    moveFocus(event, this.searchTarget, this.listTarget);
  }

  async #find(): Promise<void> {
    const query = this.searchTarget.value.trim();
    const search = (this.#search += 1);
    const commands = this.#commands().filter(({ words }) => plain(words).includes(plain(query)));
    try {
      const { items } = await session().api.conversations(query, null);
      if (search !== this.#search) return;
      const found = items.slice(0, 12).map((conversation) => ({
        symbol: "message-square",
        words: conversation.title || t("New chat"),
        note: moment(conversation.updated_at),
        act: () => {
          session().list.add([conversation]);
          session().go(conversation.id);
        },
      }));
      this.#show(commands, found);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#show(commands, []);
    }
  }

  #commands(): Choice[] {
    const open = (id: string, event: string) => () =>
      document.getElementById(id)?.dispatchEvent(new CustomEvent(event));
    return [
      { symbol: "square-pen", words: t("New chat"), act: () => session().go(null) },
      { symbol: "chevrons-up-down", words: t("Choose a model"), act: open("models", "models:open") },
      { symbol: "keyboard", words: t("Keyboard shortcuts"), act: showShortcuts },
    ];
  }

  #show(commands: Choice[], conversations: Choice[]): void {
    const rows = [...commands, ...conversations].map((choice) => this.#row(choice));
    this.listTarget.replaceChildren(...rows);
    this.emptyTarget.hidden = rows.length > 0;
  }

  #row({ symbol, words, note, act }: Choice): HTMLElement {
    const button = element("button", { type: "button", class: "palette-choice" }, icon(symbol));
    button.append(element("span", { class: "palette-words" }, words));
    if (note !== undefined) button.append(element("span", { class: "palette-note" }, note));
    button.addEventListener("click", () => {
      this.element.close();
      act();
    });
    return element("li", {}, button);
  }
}

function showShortcuts(): void {
  const dialog = document.getElementById("shortcuts");
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}
