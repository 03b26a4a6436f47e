/**
 * Keeps a conversation watched: attaches on every connection, each running turn from where it is held,
 * and again where chunks are missing or an attach or a turn's end seems to have got lost.
 */

import type { Timers } from "./ack_policy";
import type { Attach, ErrorEvent } from "./protocol";
import type { TurnBook } from "./turn_book";
import type { TurnStream } from "./turn_stream";

/** So long nothing may come of a running turn before its place is asked for again; then twice as long, and so on. */
const QUIET_MS = 20_000;
const LONGEST_QUIET_MS = 160_000;
const PASSING = new Set(["rate_limited", "storage_unavailable", "restarting", "internal_error"]);
const AGAIN_MS = 1_000;

export class Following {
  #conversation: string | null = null;
  /** Attaches that the server has not answered, by turn; null for one that names none. */
  #unanswered: (string | null)[] = [];
  #watch: unknown = null;
  #again: unknown = null;
  #quietMs = QUIET_MS;
  /** The turns of which something came since the last look. */
  readonly #heard = new Set<string>();

  constructor(
    private readonly book: TurnBook,
    private readonly send: (command: Attach) => boolean,
    private readonly timers: Timers,
  ) {}

  /** Whether the server has said that it sends what is missing. */
  get caughtUp(): boolean {
    return this.#conversation !== null && this.#unanswered.length === 0;
  }

  /** Watches a conversation over a connection that knows nothing of it yet. */
  begin(conversation: string): void {
    this.leave();
    this.#conversation = conversation;
    this.book.reconnected();
    const { live } = this.book;
    if (live.length === 0) this.#attach(null);
    for (const stream of live) this.#attach(stream);
    this.#watchOn(QUIET_MS);
  }

  /** The conversation was begun here: the server shows it to us already. */
  adopt(conversation: string): void {
    this.#conversation = conversation;
    this.#watchOn(QUIET_MS);
  }

  leave(): void {
    this.#conversation = null;
    this.#unanswered = [];
    this.timers.clear(this.#watch);
    this.timers.clear(this.#again);
  }

  /** Asks for running turns of which nothing came yet: what came before they were known was dropped. */
  askForUnknown(): void {
    for (const stream of this.book.live) {
      if (stream.epoch === 0 && !stream.asked) this.#attach(stream);
    }
  }

  /** Chunks are missing: asked for once, however many come after them. */
  gap(turn: string): void {
    const stream = this.book.get(turn);
    if (stream !== undefined && !stream.asked) this.#attach(stream);
  }

  /** Something came of a turn. */
  heard(turn: string): void {
    this.#heard.add(turn);
  }

  /** An attach is answered: what is missing follows, and what is missing then is a new gap. */
  attached(): void {
    const turn = this.#unanswered.shift();
    const stream = turn ? this.book.get(turn) : undefined;
    if (stream !== undefined) stream.asked = false;
  }

  /** Takes the refusal of an attach; false if it is one of something else. */
  refused(event: ErrorEvent): boolean {
    const at = event.id ? -1 : this.#unanswered.indexOf(event.turn ?? null);
    if (at === -1) return false;
    this.#unanswered.splice(at, 1);
    if (!PASSING.has(event.code)) return false;
    const conversation = this.#conversation;
    const delayMs = Math.max(AGAIN_MS, (event.retry_after_seconds ?? 0) * 1_000);
    this.timers.clear(this.#again);
    this.#again = this.timers.set(() => {
      if (conversation !== null) this.begin(conversation);
    }, delayMs);
    return true;
  }

  #attach(stream: TurnStream | null): void {
    if (this.#conversation === null) return;
    const place = stream?.position ?? {};
    if (!this.send({ type: "attach", conversation: this.#conversation, ...place })) return;
    if (stream !== null) stream.asked = true;
    this.#unanswered.push(stream?.turn ?? null);
  }

  #watchOn(quietMs: number): void {
    this.#quietMs = quietMs;
    this.#heard.clear();
    this.timers.clear(this.#watch);
    this.#watch = this.timers.set(() => this.#look(), quietMs);
  }

  #look(): void {
    const silent = this.book.live.filter(({ turn }) => !this.#heard.has(turn));
    for (const stream of silent) this.#attach(stream);
    this.#watchOn(silent.length === 0 ? QUIET_MS : Math.min(2 * this.#quietMs, LONGEST_QUIET_MS));
  }
}
