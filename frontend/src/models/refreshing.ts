/** When to read a page again that tells of something going on: often while it goes on, seldom while it cannot be read. */

import type { Timers } from "./ack_policy";

export const USUAL_MS = 1_500;
/** Nothing goes on, but somebody may let it. */
export const SELDOM_MS = 10_000;
export const LONGEST_MS = 30_000;

export type Again = "often" | "seldom" | "never";
/** Reads once; says when to read again. Rejects where the page cannot be read. */
export type Reading = () => Promise<Again>;

export class Refreshing {
  #timer: unknown = null;
  #failures = 0;
  #awake = false;
  #again: Again = "often";
  #busy = false;

  constructor(
    private readonly read: Reading,
    private readonly timers: Timers,
    private readonly told: (failing: boolean) => void = () => undefined,
  ) {}

  /** The page is seen: reads at once if it was not before. */
  wake(): void {
    if (this.#awake || this.#again === "never") return;
    this.#awake = true;
    void this.#now();
  }

  /** The page is hidden: nobody is to be told anything. */
  rest(): void {
    this.#awake = false;
    this.timers.clear(this.#timer);
  }

  async #now(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      this.#again = await this.read();
      if (this.#failures > 0) this.told(false);
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      if (this.#failures === 2) this.told(true);
    } finally {
      this.#busy = false;
    }
    if (this.#awake && this.#again !== "never") this.#timer = this.timers.set(() => void this.#now(), this.#delayMs());
  }

  #delayMs(): number {
    const usualMs = this.#again === "seldom" ? SELDOM_MS : USUAL_MS;
    return Math.min(LONGEST_MS, usualMs * 2 ** this.#failures);
  }
}
