/** One turn as this page holds it: the text so far, and how far it has been read. */

import type { Chunk, Done, Notice, Snapshot, TurnEvent } from "./protocol";
import type { TurnView } from "./views";

/** "gap" asks the caller to attach again from where the stream stands. */
export type Outcome = "applied" | "stale" | "gap";

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

  constructor(
    readonly turn: string,
    epoch = 0,
  ) {
    this.epoch = epoch;
  }

  get live(): boolean {
    return isLive(this.state);
  }

  /** Takes one event of this turn; a chunk that does not join what is held changes nothing. */
  apply(event: TurnEvent): Outcome {
    switch (event.type) {
      case "snapshot":
        return this.#takeSnapshot(event);
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

  #takeSnapshot(event: Snapshot): Outcome {
    if (event.epoch < this.epoch) return "stale";
    if (event.epoch === this.epoch && event.seq < this.seq) return "stale";
    this.epoch = event.epoch;
    this.seq = event.seq;
    this.content = event.content;
    this.reasoning = event.reasoning ?? "";
    if (this.done === null) this.state = event.state;
    return "applied";
  }

  #takeChunk(event: Chunk): Outcome {
    if (event.epoch < this.epoch) return "stale";
    if (event.epoch === this.epoch && event.seq <= this.seq) return "stale";
    const joins = event.seq === this.seq + 1 && event.offset === this.content.length;
    if (!joins) return "gap";
    this.epoch = event.epoch;
    this.seq = event.seq;
    this.content += event.content;
    this.reasoning += event.reasoning ?? "";
    this.notice = null;
    if (this.done === null) this.state = "running";
    return "applied";
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

/** Whether the text has the fingerprint the server stored; true where the browser cannot say. */
export async function matchesFingerprint(text: string, sha256: string | null): Promise<boolean> {
  if (!sha256 || !globalThis.crypto?.subtle) return true;
  const bytes = new TextEncoder().encode(text);
  const digest = await globalThis.crypto.subtle.digest("SHA-256", bytes);
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  return hex.join("") === sha256;
}
