/** The page's own client in the trials of the conformance suite: its socket and its turns, without a page around them. */

import { Connection, type Socket } from "../src/models/connection";
import { Following } from "../src/models/following";
import type { Event } from "../src/models/protocol";
import { TurnBook } from "../src/models/turn_book";
import type { TurnStream } from "../src/models/turn_stream";
import { Verifying } from "../src/models/verifying";

export interface Trial {
  /** After so many characters the answer is stopped; null: never. */
  stop: number | null;
}

export interface Held {
  end: string | number;
  text: string;
}

const timers = { set: (callback: () => void, delayMs: number) => setTimeout(callback, delayMs), clear: (timer: unknown) => clearTimeout(timer as number) };
const CLOSES = { signed_out: 4401, forbidden: 4403, protocol: 4409 };
/** Comes back soon: nobody else does at the same time. */
const SOON = () => 0.05;

/** Asks one question, and gives what is held at the end. */
export function take(trial: Trial, open: () => Socket): Promise<Held> {
  return new Promise((resolve) => new Asking(trial, open, resolve));
}

class Asking {
  #stream: TurnStream | null = null;
  #conversation: string | null = null;
  #stopped = false;
  readonly #id = crypto.randomUUID();
  readonly #wire: Connection;
  readonly #book: TurnBook;
  readonly #following: Following;
  readonly #verifying: Verifying;

  constructor(
    private readonly trial: Trial,
    open: () => Socket,
    private readonly resolve: (held: Held) => void,
  ) {
    const handlers = {
      ready: () => void (this.#conversation !== null && this.#following.begin(this.#conversation)),
      event: (event: Event, bytes: number) => this.#take(event, bytes),
      status: (status: { kind: string; reason?: keyof typeof CLOSES }) => {
        if (status.reason !== undefined) this.#end(CLOSES[status.reason]);
      },
    };
    this.#wire = new Connection({ socket: open }, handlers, timers, SOON);
    this.#book = new TurnBook((turn, seq) => this.#wire.send({ type: "ack", turn, seq }), timers);
    this.#following = new Following(this.#book, (command) => this.#wire.send(command), timers);
    this.#verifying = new Verifying((command) => this.#wire.send(command), timers);
    this.#wire.start({ type: "chat", id: this.#id, content: "What is a tram?" });
    this.#wire.connect();
  }

  #take(event: Event, bytes: number): void {
    switch (event.type) {
      case "accepted":
        this.#stream ??= this.#book.begin(event.turn, event.epoch);
        this.#conversation = event.conversation;
        this.#following.adopt(event.conversation);
        break;
      case "attached":
        this.#following.attached();
        break;
      case "error":
        if (!this.#following.refused(event) && event.id === this.#id && event.code !== "restarting") this.#end(event.code);
        break;
      case "snapshot":
      case "chunk":
      case "notice":
      case "done":
        this.#turn(event, bytes);
    }
  }

  #turn(event: Extract<Event, { type: "snapshot" | "chunk" | "notice" | "done" }>, bytes: number): void {
    const outcome = this.#book.apply(event, bytes);
    const stream = this.#stream;
    if (outcome === "gap") this.#following.gap(event.turn);
    if (outcome !== "applied" || stream === null) return;
    this.#following.heard(event.turn);
    if (this.trial.stop !== null && !this.#stopped && stream.content.length >= this.trial.stop) {
      this.#stopped = this.#wire.send({ type: "interrupt", turn: stream.turn });
    }
    // What is not whole is reported, and the page fetches it.
    if (event.type === "done") void this.#verifying.holds(stream).then(() => this.#end(stream.state));
  }

  #end(end: string | number): void {
    this.#following.leave();
    this.#wire.rest();
    this.resolve({ end, text: this.#stream?.content ?? "" });
  }
}
