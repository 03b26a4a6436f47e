/** The conversation's title, to be renamed by a click; and its menu. */

import { Controller } from "@hotwired/stimulus";
import { isComposing } from "../models/keys";
import type { ConversationView } from "../models/views";
import { t } from "../models/words";
import { session } from "../session";
import { change, fillConversationMenu } from "./conversation_menu";

export default class TitleController extends Controller<HTMLElement> {
  static override targets = ["show", "input", "menu"];
  declare readonly showTarget: HTMLButtonElement;
  declare readonly inputTarget: HTMLInputElement;
  declare readonly menuTarget: HTMLButtonElement;

  #ends: (() => void)[] = [];

  override connect(): void {
    const page = session();
    this.#ends = [
      page.thread.on("conversation", (view) => this.#show(view)),
    ];
    this.#show(page.thread.view);
  }

  override disconnect(): void {
    for (const end of this.#ends) end();
  }

  edit(): void {
    const { view } = session().thread;
    if (view === null) return;
    this.inputTarget.value = view.title;
    this.#toggle(true);
    this.inputTarget.select();
  }

  key(event: KeyboardEvent): void {
    if (isComposing(event)) return;
    if (event.key === "Enter") this.inputTarget.blur();
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.inputTarget.value = session().thread.view?.title ?? "";
    this.inputTarget.blur();
  }

  keep(): void {
    const { view } = session().thread;
    const title = this.inputTarget.value.trim();
    this.#toggle(false);
    if (view !== null && title !== "" && title !== view.title) void change(view.id, { title });
  }

  #toggle(editing: boolean): void {
    this.showTarget.hidden = editing;
    this.inputTarget.hidden = !editing;
  }

  #show(view: ConversationView | null): void {
    const title = view?.title || t("New chat");
    this.showTarget.textContent = title;
    this.showTarget.disabled = view === null;
    this.menuTarget.hidden = view === null;
    document.title = view === null ? "Tram" : `${title} · Tram`;
    const menu = document.getElementById("room-menu");
    if (view !== null && menu !== null) fillConversationMenu(menu, view, () => this.edit());
  }
}
