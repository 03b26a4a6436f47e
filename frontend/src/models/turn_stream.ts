/** One turn as this page holds it: the text so far, and how far it has been read. */

import type { Chunk, Done, Notice, Snapshot, TurnEvent } from "./protocol";
import type { TurnView } from "./views";

/** "gap" asks the caller to attach again from `position`. */
export type Outcome = "applied" | "stale" | "gap";

/** What an attach says of a turn; without `after` the server sends a snapshot. */
export type Position = { turn: string; epoch?: number; after?: number };

/** Whether a turn in this state may still bring text. */
export function isLive(state: string): boolean {
  return state === "running";
}

export class TurnStream {
  content = "";
  reasoning = "";
  seq = 0;
  epoch: number;
  state = "running";
  notice: Notice | null = null;
  done: Done | null = null;
  /** Whether any text frame was taken, be it an empty one. */
  held = false;
  /** What is missing was asked for and has not come yet. */
  asked = false;
  /** The held text does not fit what came: only a snapshot can tell. */
  #doubted = false;
  /** The held text is the stored end of this epoch. */
  #stored = false;

  constructor(
    readonly turn: string,
    epoch = 0,
  ) {
    this.epoch = epoch;
  }

  get live(): boolean {
    return isLive(this.state);
  }

  get position(): Position {
    const { turn, epoch, seq } = this;
    // Before anything was told of the turn, its frames were dropped here, so they must come again.
    return this.#doubted || epoch === 0 ? { turn } : { turn, epoch, after: seq };
  }

  /** Takes one event of this turn; a chunk that does not join what is held changes no text. */
  apply(event: TurnEvent): Outcome {
    switch (event.type) {
      case "snapshot":
        return isLive(event.state) ? this.#takeSnapshot(event) : this.#takeEnd(event);
      case "chunk":
        return this.#takeChunk(event);
      case "notice":
        if (!this.live) return "stale";
        this.notice = event;
        return "applied";
      case "done":
        return this.#finish(event);
    }
  }

  /** The stored end replaces whatever is held, whatever its seq. */
  #takeEnd(event: Snapshot): Outcome {
    if (event.epoch < this.epoch) return "stale";
    const known = this.#stored && event.epoch === this.epoch && event.content === this.content;
    if (known) return "stale";
    if (event.content !== this.content || event.state !== this.state) this.done = null;
    this.#hold(event);
    this.state = event.state;
    this.#stored = true;
    return "applied";
  }

  #takeSnapshot(event: Snapshot): Outcome {
    if (event.epoch < this.epoch || this.#stored) return "stale";
    const older = event.epoch === this.epoch && this.held && event.seq < this.seq;
    if (older && !this.#doubted) return "stale";
    this.#hold(event);
    return "applied";
  }

  #hold(event: Snapshot): void {
    this.epoch = event.epoch;
    this.seq = event.seq;
    this.content = event.content;
    this.reasoning = event.reasoning ?? "";
    this.#moved();
  }

  #takeChunk(event: Chunk): Outcome {
    if (event.epoch < this.epoch || this.#stored) return "stale";
    if (event.epoch === this.epoch && event.seq <= this.seq) return "stale";
    const another = this.held && event.epoch !== this.epoch;
    const isNext = event.seq === this.seq + 1;
    if (another || (isNext && event.offset !== this.content.length)) this.#doubted = true;
    if (this.#doubted || !isNext) return "gap";
    this.epoch = event.epoch;
    this.seq = event.seq;
    this.content += event.content;
    this.reasoning += event.reasoning ?? "";
    this.#moved();
    return "applied";
  }

  #moved(): void {
    this.held = true;
    this.asked = false;
    this.#doubted = false;
    this.notice = null;
  }

  #finish(event: Done): Outcome {
    if (this.done !== null) return "stale";
    this.done = event;
    this.state = event.state;
    this.notice = null;
    return "applied";
  }

  /** The turn in the form the JSON door gives it, so that live and stored answers are shown alike. */
  view(model: string, holdNanoUsd: number | null = null): TurnView {
    const done = this.done;
    return {
      id: this.turn,
      state: this.state,
      epoch: this.epoch,
      model,
      finish_reason: done?.finish_reason ?? null,
      error: done?.error ?? null,
      usage: done?.usage ?? null,
      cost_nano_usd: done?.cost_nano_usd ?? null,
      quality: done?.quality ?? null,
      stats: done?.stats ?? null,
      sha256: done?.sha256 ?? null,
      hold_nano_usd: holdNanoUsd,
    };
  }
}
