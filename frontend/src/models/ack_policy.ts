/**
 * When to tell the server how far this page has read: after 500 ms or 64 KiB, whichever is first.
 *
 * Time is looked at whenever a frame comes; the timer is only for the last frames before a pause. A tab in
 * the background, whose timers may wait for a minute, so never owes more than 64 KiB over all its turns,
 * which is less than the window in which the server waits for nobody.
 */

export const ACK_AFTER_MS = 500;
export const ACK_AFTER_BYTES = 64 * 1024;

export interface Timers {
  set(callback: () => void, delayMs: number): unknown;
  clear(timer: unknown): void;
}

export class AckPolicy {
  /** The newest number that is not acknowledged, of each turn. */
  readonly #owed = new Map<string, number>();
  #bytes = 0;
  #since = 0;
  #timer: unknown = null;

  constructor(
    private readonly send: (turn: string, seq: number) => void,
    private readonly timers: Timers,
    private readonly now: () => number = Date.now,
  ) {}

  /** Counts one received frame of a turn; `bytes` is the frame's size. */
  received(turn: string, seq: number, bytes: number): void {
    if (this.#owed.size === 0) {
      this.#since = this.now();
      this.#timer = this.timers.set(() => this.flush(), ACK_AFTER_MS);
    }
    this.#owed.set(turn, Math.max(this.#owed.get(turn) ?? 0, seq));
    this.#bytes += bytes;
    if (this.#bytes >= ACK_AFTER_BYTES || this.now() - this.#since >= ACK_AFTER_MS) this.flush();
  }

  /** Sends all that is owed now. */
  flush(): void {
    const owed = [...this.#owed];
    this.reset();
    for (const [turn, seq] of owed) this.send(turn, seq);
  }

  /** Forgets everything: the socket it was owed to is gone. */
  reset(): void {
    this.timers.clear(this.#timer);
    this.#owed.clear();
    this.#bytes = 0;
  }
}
