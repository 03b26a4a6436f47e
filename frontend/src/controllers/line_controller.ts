/** The messages that wait below the answer that is being written. */

import { Controller } from "@hotwired/stimulus";
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
    // The text is there to be changed and sent again, unless another one is being written.
    if (composer?.value.trim() === "") session().emit("compose", message.content);
    else composer?.focus();
  }

  #show(): void {
    const { messages } = session().thread.line;
    const ids = new Set(messages.map(({ id }) => id));
    for (const [id, item] of this.#shown) {
      if (ids.has(id)) continue;
      item.remove();
      this.#shown.delete(id);
    }
    for (const message of messages) this.element.append(this.#shown.get(message.id) ?? this.#make(message));
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
}
