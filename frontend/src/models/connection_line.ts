/**
 * What the line under the header says of the connection: nothing of a short loss, one quiet sentence of a
 * long one, and at its end whether anything was lost. Every word stays long enough to be read. While sockets
 * are blocked it says that.
 */

import type { Timers } from "./ack_policy";
import type { Status } from "./connection";

export type Line =
  | { says: "nothing" | "reconnecting" | "offline" | "back" | "cut" | "streaming" }
  | { says: "stopped"; reason: Extract<Status, { kind: "stopped" }>["reason"] };

/** A shorter loss of the connection is nobody's business. */
export const QUIET_MS = 2_000;
/** So long the return is told. */
export const BACK_MS = 4_000;

export class ConnectionLine {
  #line: Line = { says: "nothing" };
  #isDown = false;
  #online = true;
  /** An answer ended without its end while the connection was away. */
  #cut = false;
  #streams = false;
  #timer: unknown = null;

  constructor(
    private readonly show: (line: Line) => void,
    private readonly timers: Timers,
  ) {}

  status(status: Status): void {
    if (status.kind === "up") this.#up(status.streams ?? false);
    else if (status.kind === "stopped") {
      this.timers.clear(this.#timer);
      this.#say({ says: "stopped", reason: status.reason });
    } else if (status.kind === "down" && !this.#isDown) {
      // Every failed try says "down" again, and the time runs from the first.
      this.#isDown = true;
      this.#cut = false;
      this.#after(QUIET_MS, () => this.#sayWhy());
    }
  }

  #up(streams: boolean): void {
    this.#streams = streams;
    if (this.#isDown) return;
    // What is to be told of a loss is told first.
    if (this.#line.says === "streaming" && !streams) this.#calm();
    else if (this.#line.says === "nothing" && streams) this.#after(QUIET_MS, () => this.#calm());
  }

  /** The browser says whether there is a network at all. */
  network(online: boolean): void {
    this.#online = online;
    if (this.#told) this.#sayWhy();
  }

  /** An answer was found to have ended early. */
  answerCut(): void {
    if (this.#isDown) this.#cut = true;
    else if (this.#line.says === "back") this.#say({ says: "cut" });
  }

  /** The server sends what is missing; without that nothing is said to be well. */
  caughtUp(): void {
    if (!this.#isDown) return;
    this.#isDown = false;
    if (!this.#told) {
      this.#after(QUIET_MS, () => this.#calm());
      return;
    }
    this.#say({ says: this.#cut ? "cut" : "back" });
    this.#after(BACK_MS, () => this.#calm());
  }

  #calm(): void {
    this.#say({ says: this.#streams ? "streaming" : "nothing" });
  }

  get #told(): boolean {
    return this.#line.says === "reconnecting" || this.#line.says === "offline";
  }

  #sayWhy(): void {
    this.#say({ says: this.#online ? "reconnecting" : "offline" });
  }

  #say(line: Line): void {
    if (line.says === this.#line.says) return;
    this.#line = line;
    this.show(line);
  }

  #after(delayMs: number, callback: () => void): void {
    this.timers.clear(this.#timer);
    this.#timer = this.timers.set(callback, delayMs);
  }
}
