/** What a message may cost: asked for when typing rests, and kept for the turn that it becomes. */

import type { Timers } from "./ack_policy";
import { Emitter } from "./emitter";
import type { Event } from "./protocol";
import type { EstimateView } from "./views";

/** Typing rests when nothing was typed for so long. */
export const REST_MS = 400;

/** What is asked for: a message that might be sent. */
export interface Wish {
  conversation: string | null;
  parent: string | null;
  model: string;
  content: string;
  /** Whether an answer is being written, which will be part of the prompt. */
  answering: boolean;
}

/** What a person was told before a turn, and what its cost can differ for that only this page saw. */
export interface Told {
  estimate: EstimateView;
  askedAgain: boolean;
}

const ASKED_AGAIN: ReadonlySet<string> = new Set(["retrying", "fallback", "resumed"]);

export class Forecasting extends Emitter<{ shown: EstimateView | null }> {
  #wish: Wish | null = null;
  #shown: EstimateView | null = null;
  #shownFor: Wish | null = null;
  #timer: unknown = null;
  #asking: AbortController | null = null;
  readonly #sent = new Map<string, EstimateView>();
  readonly #told = new Map<string, Told>();

  constructor(
    private readonly ask: (wish: Wish, signal: AbortSignal) => Promise<EstimateView>,
    private readonly timers: Timers,
  ) {
    super();
  }

  get shown(): EstimateView | null {
    return this.#shown;
  }

  /** Of the message as it stands now; null while what is shown is of an earlier one. */
  get current(): EstimateView | null {
    return same(this.#shownFor, this.#wish) ? this.#shown : null;
  }

  /** Takes the message as it stands now; null: there is nothing to tell a price for. */
  want(wish: Wish | null): void {
    if (same(wish, this.#wish)) return;
    this.#wish = wish;
    this.timers.clear(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
    // The price of a few words more is about the same; that of another model is not.
    if (wish === null || wish.model !== this.#shownFor?.model) this.#show(null, null);
    if (wish !== null) this.#timer = this.timers.set(() => void this.#ask(wish), REST_MS);
  }

  /** A message was sent under this id, after its person was told `estimate`. */
  sent(id: string, estimate: EstimateView | null): void {
    if (estimate !== null) this.#sent.set(id, estimate);
  }

  handle(event: Event): void {
    if (event.type === "accepted") {
      const estimate = this.#sent.get(event.id);
      this.#sent.delete(event.id);
      if (estimate !== undefined) this.#told.set(event.turn, { estimate, askedAgain: false });
    } else if (event.type === "notice" && ASKED_AGAIN.has(event.code)) {
      const told = this.#told.get(event.turn);
      if (told !== undefined) this.#told.set(event.turn, { ...told, askedAgain: true });
    }
  }

  /** What was told before a turn that this page sent; null after a reload. */
  told(turn: string | undefined): Told | null {
    return this.#told.get(turn ?? "") ?? null;
  }

  async #ask(wish: Wish): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const estimate = await this.ask(wish, asking.signal);
      if (this.#asking === asking) this.#show(estimate, wish);
    } catch {
      // It is a help and no condition: whatever went wrong, there is no price to show.
      if (this.#asking === asking) this.#show(null, null);
    }
  }

  #show(estimate: EstimateView | null, wish: Wish | null): void {
    this.#shownFor = wish;
    if (estimate === this.#shown) return;
    this.#shown = estimate;
    this.emit("shown", estimate);
  }
}

function same(one: Wish | null, other: Wish | null): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.content === other.content &&
    one.model === other.model &&
    one.conversation === other.conversation &&
    one.parent === other.parent &&
    one.answering === other.answering
  );
}
