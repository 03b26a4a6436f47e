/** How long a socket may be silent. */

import type { Timers } from "./ack_policy";

export interface Outcomes {
  /** Something was heard in time. */
  heard(): void;
  /** Nothing was, but the page slept meanwhile: what was sent may wait behind the timer. */
  slept(): void;
  /** Nothing was. */
  silent(): void;
}

/** A timer that comes so much too late was held back: the machine, the page or the tab slept. */
const LATE_MS = 1_000;

export class Patience {
  #timer: unknown = null;
  #dueAt = 0;
  #heard = false;
  /** The page slept through the last wait; what is not heard in the next one is lost. */
  #slept = false;

  constructor(
    private readonly timers: Timers,
    private readonly now: () => number,
  ) {}

  begin(patienceMs: number, outcomes: Outcomes): void {
    this.timers.clear(this.#timer);
    this.#heard = false;
    const dueAt = this.now() + patienceMs;
    this.#dueAt = dueAt;
    this.#timer = this.timers.set(() => {
      this.#dueAt = 0;
      const slept = !this.#heard && !this.#slept && this.now() - dueAt >= LATE_MS;
      this.#slept = slept;
      if (this.#heard) outcomes.heard();
      else if (slept) outcomes.slept();
      else outcomes.silent();
    }, patienceMs);
  }

  heard(): void {
    this.#heard = true;
  }

  /** Whether a wait of at most so long is going on, and nothing was heard in it. */
  shorterThan(patienceMs: number): boolean {
    const leftMs = this.#dueAt - this.now();
    return this.#dueAt !== 0 && !this.#heard && leftMs > -LATE_MS && leftMs <= patienceMs;
  }

  end(): void {
    this.timers.clear(this.#timer);
    this.#dueAt = 0;
    this.#slept = false;
  }
}
