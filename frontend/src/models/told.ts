/** What people were told before the turns that this page asked for. */

import type { Event } from "./protocol";
import type { EstimateView } from "./views";

/** What a person was told before a turn, and what its cost can differ for that only this page saw. */
export interface Told {
  estimate: EstimateView;
  askedAgain: boolean;
}

const ASKED_AGAIN: ReadonlySet<string> = new Set(["retrying", "fallback", "resumed"]);

export class ToldBook {
  readonly #sent = new Map<string, EstimateView>();
  readonly #told = new Map<string, Told>();

  /** A turn was asked for under this id, after its person was told `estimate`. */
  sent(id: string, estimate: EstimateView | null): void {
    // Of a message that waits no range was told, as nobody knows what will be answered before it.
    if (estimate !== null && !estimate.waits) this.#sent.set(id, estimate);
  }

  handle(event: Event): void {
    if (event.type === "accepted") {
      const estimate = this.#sent.get(event.id);
      this.#sent.delete(event.id);
      if (estimate !== undefined) this.#told.set(event.turn, { estimate, askedAgain: false });
    } else if (event.type === "queued" || (event.type === "error" && event.code !== "restarting")) {
      this.#sent.delete(event.id ?? "");
    } else if (event.type === "notice" && ASKED_AGAIN.has(event.code)) {
      const told = this.#told.get(event.turn);
      if (told !== undefined) this.#told.set(event.turn, { ...told, askedAgain: true });
    }
  }

  /** What was told before a turn that this page asked for; null after a reload. */
  of(turn: string | undefined): Told | null {
    return this.#told.get(turn ?? "") ?? null;
  }
}
