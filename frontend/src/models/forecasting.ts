/** What one turn may cost, as it is being made up: asked for when the person rests. */

import type { Timers } from "./ack_policy";
import type { Wish } from "./asking";
import { Emitter } from "./emitter";
import type { EstimateView } from "./views";

/** Typing rests when nothing was typed for so long. */
export const REST_MS = 400;
/** After a refusal for asking too often. */
export const AGAIN_MS = 2_000;
const TIMES_AGAIN = 5;

export class Forecasting extends Emitter<{ shown: EstimateView | null }> {
  #wish: Wish | null = null;
  #state: unknown = null;
  #shown: EstimateView | null = null;
  #shownFor: Wish | null = null;
  #timer: unknown = null;
  #asking: AbortController | null = null;

  constructor(
    private readonly ask: (wish: Wish, signal: AbortSignal) => Promise<EstimateView>,
    private readonly timers: Timers,
  ) {
    super();
  }

  get shown(): EstimateView | null {
    return this.#shown;
  }

  /** Of the turn as it stands now; null while what is shown is of an earlier one. */
  get current(): EstimateView | null {
    return this.#shownFor === this.#wish ? this.#shown : null;
  }

  /**
   * Takes the turn as it stands now; null: there is nothing to tell a price for. With another
   * `state` of its surroundings it is asked for again.
   */
  want(wish: Wish | null, state: unknown = null): void {
    if (state === this.#state && same(wish, this.#wish)) return;
    this.#wish = wish;
    this.#state = state;
    this.timers.clear(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
    // The price of a few words more is about the same; that of another model is not.
    if (wish === null || !alike(wish, this.#shownFor)) this.#show(null, null);
    if (wish !== null) this.#timer = this.timers.set(() => void this.#ask(wish, TIMES_AGAIN), REST_MS);
  }

  async #ask(wish: Wish, timesAgain: number): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const estimate = await this.ask(wish, asking.signal);
      if (this.#asking === asking) this.#show(estimate, wish);
    } catch (error) {
      if (this.#asking !== asking) return;
      const tooOften = (error as { code?: unknown }).code === "rate_limited";
      // It is a help and no condition: whatever else went wrong, there is no price to show.
      if (!tooOften || timesAgain === 0) this.#show(null, null);
      else this.#timer = this.timers.set(() => void this.#ask(wish, timesAgain - 1), AGAIN_MS);
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
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Whether they differ in their text at most. */
function alike(one: Wish, other: Wish | null): boolean {
  return other !== null && one.model === other.model && one.message === other.message;
}
