/** The messages that wait below the answer that is being written. */

import { Controller } from "@hotwired/stimulus";
import { putBack } from "../models/drafts";
import { refusal } from "../models/failures";
import type { WaitingMessage } from "../models/protocol";
import { t } from "../models/words";
import { part, stamp } from "../rendering/elements";
import { session } from "../session";

export default class LineController extends Controller<HTMLElement> {
  #end: () => void = () => undefined;
  readonly #shown = new Map<string, HTMLElement>();

  override connect(): void {
    this.#end = session().thread.on("line", () => this.#show());
  }

  override disconnect(): void {
    this.#end();
  }

  withdraw(event: Event): void {
    const item = (event.currentTarget as HTMLElement).closest<HTMLElement>("[data-waiting]");
    const id = item?.dataset["waiting"];
    const composer = document.querySelector<HTMLTextAreaElement>("#composer-text");
    const message = session().thread.line.messages.find((each) => each.id === id);
    if (message === undefined) return;
    session().thread.withdraw(message.id);
    // The text is there to be changed and sent again, before whatever is being written.
    session().emit("compose", putBack(message.content, composer?.value ?? ""));
  }

  #show(): void {
    const { messages } = session().thread.line;
    const ids = new Set(messages.map(({ id }) => id));
    for (const [id, item] of this.#shown) {
      if (ids.has(id)) continue;
      // Who was at its button must not begin again at the top of the page.
      if (item.contains(document.activeElement)) document.getElementById("composer-text")?.focus();
      item.remove();
      this.#shown.delete(id);
    }
    for (const [at, message] of messages.entries()) {
      const item = this.#shown.get(message.id) ?? this.#make(message);
      this.#mark(item, message);
      // What stands where it belongs is left alone: moving it would take the focus from its button.
      if (this.element.children[at] !== item) this.element.insertBefore(item, this.element.children[at] ?? null);
    }
    this.element.hidden = messages.length === 0;
  }

  #make(message: WaitingMessage): HTMLElement {
    const item = stamp("waiting-piece");
    const mine = message.person.id === session().boot.user.id;
    item.dataset["waiting"] = message.id;
    part(item, "name").textContent = mine ? t("You") : message.person.name;
    part(item, "text").textContent = message.content;
    part(item, "withdraw").hidden = !mine;
    this.#shown.set(message.id, item);
    return item;
  }

  /** A refused message says why, and gives its text back. */
  #mark(item: HTMLElement, { refused }: WaitingMessage): void {
    const state = refused ? t("not sent") : t("waiting");
    if (part(item, "state").textContent === state) return;
    item.toggleAttribute("data-refused", Boolean(refused));
    part(item, "state").textContent = state;
    part(item, "reason").textContent = refused ? refusal(refused, session().usableModels) : "";
    part(item, "reason").hidden = !refused;
    part(item, "withdraw").textContent = refused ? t("Take back to change it") : t("Withdraw");
  }
}
