/**
 * What was sent and is not answered yet, kept over reloads. It is sent again with its old id, which the server
 * answers with the same turn: so two tabs may send it, or one twice.
 */

import type { Storage } from "./drafts";
import type { Start } from "./protocol";

export interface Unanswered {
  command: Start;
  /** Where it belongs; null: it begins a conversation. */
  conversation: string | null;
}

/** Texts alone are kept: what else is lost is asked again with a click. */
function hasText({ type }: Start): boolean {
  return type === "chat" || type === "edit";
}

export class Outbox {
  readonly #key: string;

  constructor(
    private readonly storage: Storage,
    person: number,
  ) {
    this.#key = `tram:outbox:${person}`;
  }

  all(): Unanswered[] {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(this.#key) ?? "[]");
      return Array.isArray(kept) ? (kept as Unanswered[]) : [];
    } catch {
      return [];
    }
  }

  keep(command: Start, conversation: string | null): void {
    if (hasText(command)) this.#write([...this.all(), { command, conversation }]);
  }

  /** Takes out what is answered; undefined if it was not kept. */
  take(id: string): Unanswered | undefined {
    const all = this.all();
    const found = all.find(({ command }) => command.id === id);
    if (found !== undefined) this.#write(all.filter((each) => each !== found));
    return found;
  }

  /** A full or forbidden storage loses what is not answered at a reload, nothing else. */
  #write(all: Unanswered[]): void {
    try {
      if (all.length === 0) this.storage.removeItem(this.#key);
      else this.storage.setItem(this.#key, JSON.stringify(all));
    } catch {
      return;
    }
  }
}
