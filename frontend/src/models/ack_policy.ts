/** When to tell the server how far this page has read: after 500 ms or 64 KiB, whichever is first. */

export const ACK_AFTER_MS = 500;
export const ACK_AFTER_BYTES = 64 * 1024;

interface Unacked {
  seq: number;
  bytes: number;
  timer: unknown;
}

export interface Timers {
  set(callback: () => void, delayMs: number): unknown;
  clear(timer: unknown): void;
}

export class AckPolicy {
  readonly #waiting = new Map<string, Unacked>();

  constructor(
    private readonly send: (turn: string, seq: number) => void,
    private readonly timers: Timers,
  ) {}

  /** Counts one received frame of a turn; `bytes` is the frame's size. */
  received(turn: string, seq: number, bytes: number): void {
    let entry = this.#waiting.get(turn);
    if (entry === undefined) {
      const timer = this.timers.set(() => this.flush(turn), ACK_AFTER_MS);
      entry = { seq: 0, bytes: 0, timer };
      this.#waiting.set(turn, entry);
    }
    entry.seq = Math.max(entry.seq, seq);
    entry.bytes += bytes;
    if (entry.bytes >= ACK_AFTER_BYTES) this.flush(turn);
  }

  /** Sends what is owed for a turn now. */
  flush(turn: string): void {
    const entry = this.#waiting.get(turn);
    if (entry === undefined) return;
    this.timers.clear(entry.timer);
    this.#waiting.delete(turn);
    this.send(turn, entry.seq);
  }

  /** Forgets everything: the socket it was owed to is gone. */
  reset(): void {
    for (const entry of this.#waiting.values()) this.timers.clear(entry.timer);
    this.#waiting.clear();
  }
}
