/**
 * Notices that the page slept. The browser tells when a tab is shown again, taken out of its cache, thawed,
 * or gets its network back; it does not tell when the whole machine slept: then a second took hours.
 */

import type { Timers } from "./ack_policy";

const LOOK_MS = 1_000;
/** A busy page may be late by less. */
const LEAP_MS = 4_000;

export class Waking {
  #timer: unknown = null;
  #lookedAt = 0;

  constructor(
    private readonly wake: () => void,
    private readonly timers: Timers,
    private readonly now: () => number = Date.now,
  ) {}

  /** The page is to be seen: look at the clock now and then. */
  watch(): void {
    this.rest();
    this.#look();
  }

  /** Nobody looks: what happens meanwhile is found out when somebody does. */
  rest(): void {
    this.timers.clear(this.#timer);
    this.#lookedAt = 0;
  }

  #look(): void {
    const now = this.now();
    if (this.#lookedAt !== 0 && now - this.#lookedAt - LOOK_MS >= LEAP_MS) this.wake();
    this.#lookedAt = now;
    this.#timer = this.timers.set(() => this.#look(), LOOK_MS);
  }
}
