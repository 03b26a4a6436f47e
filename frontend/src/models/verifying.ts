/** Compares the text of every ended turn with the fingerprint that the server stored. */

import type { Timers } from "./ack_policy";
import { countCharacters } from "./composing";
import { fingerprint } from "./fingerprint";
import type { Report } from "./protocol";
import type { TurnStream } from "./turn_stream";

/** The end of a turn may come before its last chunks; they then follow within so long. */
export const GRACE_MS = 1_000;

export class Verifying {
  /** Told as soon as a socket takes them. */
  #reports: Report[] = [];
  readonly #looking = new Set<string>();

  constructor(
    private readonly send: (command: Report) => boolean,
    private readonly timers: Timers,
  ) {}

  /**
   * Whether an ended turn's text is whole; a text that is not is reported.
   * True where nobody can say, and while an earlier look goes on, which sees what came since.
   */
  async holds(stream: TurnStream): Promise<boolean> {
    if (this.#looking.has(stream.turn)) return true;
    this.#looking.add(stream.turn);
    try {
      return await this.#look(stream);
    } finally {
      this.#looking.delete(stream.turn);
    }
  }

  async #look(stream: TurnStream): Promise<boolean> {
    if (await this.#matches(stream)) return true;
    await new Promise<void>((resolve) => this.timers.set(resolve, GRACE_MS));
    if (await this.#matches(stream)) return true;
    const { turn, content } = stream;
    const sha256 = await fingerprint(content);
    if (sha256 === null) return true;
    this.#reports.push({ type: "report", turn, sha256, characters: countCharacters(content) });
    this.tell();
    return false;
  }

  /** Sends what is still to be reported. */
  tell(): void {
    this.#reports = this.#reports.filter((report) => !this.send(report));
  }

  /** An end without its fingerprint yet, or one that was replaced meanwhile, is looked at when `done` comes. */
  async #matches(stream: TurnStream): Promise<boolean> {
    const wanted = stream.done?.sha256;
    if (!wanted) return true;
    const ours = await fingerprint(stream.content);
    return ours === null || ours === wanted;
  }
}
