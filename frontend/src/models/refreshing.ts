/** When to read a page again that tells of something going on: often while it goes on, seldom while it cannot be read. */

import type { Timers } from "./ack_policy";

export const USUAL_MS = 1_500;
export const LONGEST_MS = 30_000;

/** Reads once; says whether there is more to come. Rejects where the page cannot be read. */
export type Reading = () => Promise<boolean>;

export class Refreshing {
  #timer: unknown = null;
  #failures = 0;
  #awake = false;
  #over = false;
  #busy = false;

  constructor(
    private readonly read: Reading,
    private readonly timers: Timers,
    private readonly told: (failing: boolean) => void = () => undefined,
  ) {}

  /** The page is seen: reads at once if it was not before. */
  wake(): void {
    if (this.#awake || this.#over) return;
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
      this.#over = !(await this.read());
      if (this.#failures > 0) this.told(false);
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      if (this.#failures === 2) this.told(true);
    } finally {
      this.#busy = false;
    }
    if (this.#awake && !this.#over) this.#timer = this.timers.set(() => void this.#now(), this.#delayMs());
  }

  #delayMs(): number {
    return Math.min(LONGEST_MS, USUAL_MS * 2 ** this.#failures);
  }
}
