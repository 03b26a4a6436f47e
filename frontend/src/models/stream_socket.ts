/**
 * What stands in for the socket where sockets are blocked. The server's frames come over a stream that one
 * request opens; what is to bring frames opens a new one, which takes over before the old one is let go.
 * Everything else is a short request of its own. Any process of the site may answer any of them.
 */

import type { Timers } from "./ack_policy";
import type { Socket } from "./connection";
import type { Attach, Command, Event, Start } from "./protocol";
import { BROKEN, codeOf, type Post, refusalOf, StreamLine, type Told } from "./stream_line";

/** The server says something every 15 s. */
const FRESH_MS = 20_000;
/** A new stream that is not ready by then leads nowhere; it is looked at with each heartbeat. */
const OPENING_MS = 10_000;
/** So long an old stream is read on: what was on its way there comes. */
const GRACE_MS = 1_000;

const TOO_MANY = 4429;
const COME_BACK = 4408;

type Bringing = Start | Attach;
type Quick = Exclude<Command, Bringing | { type: "detach" | "ack" | "ping" }>;

export class StreamSocket implements Socket {
  onmessage: ((message: MessageEvent) => void) | null = null;
  onclose: ((close: CloseEvent) => void) | null = null;
  readonly #watched = new Set<string>();
  /** To be asked by the next stream. */
  #wanted: Bringing[] = [];
  /** Asked, and not answered yet. */
  #asked: Bringing[] = [];
  #changed = false;
  #current: StreamLine | null = null;
  #next: StreamLine | null = null;
  readonly #open = new Set<StreamLine>();
  readonly #quick = new AbortController();
  #flush: unknown = null;
  #heardAt: number;
  #openedAt = 0;
  /** Refusals that came while two streams are read, by the one that brought them first. */
  readonly #told = new Map<string, StreamLine>();
  #closed = false;

  constructor(
    private readonly post: Post,
    private readonly timers: Timers,
    private readonly now: () => number = Date.now,
  ) {
    this.#heardAt = now();
    this.#flushSoon();
    this.#changed = true;
  }

  send(text: string): void {
    const command = JSON.parse(text) as Command;
    switch (command.type) {
      case "ack":
        // What the server has sent counts as read.
        return;
      case "ping":
        return this.#ping();
      case "detach":
        if (this.#watched.delete(command.conversation)) this.#change();
        return;
      case "attach":
      case "chat":
      case "regenerate":
      case "edit":
      case "continue":
        this.#wanted.push(command);
        return this.#change();
      default:
        void this.#tell(command);
    }
  }

  /** Proves that frames still come, by a new stream. */
  probe(): void {
    this.#change();
  }

  close(): void {
    this.#closed = true;
    this.timers.clear(this.#flush);
    for (const line of this.#open) line.close();
    this.#quick.abort();
  }

  #ping(): void {
    const stuck = this.#next !== null && this.now() - this.#openedAt >= OPENING_MS;
    if (stuck || this.now() - this.#heardAt >= FRESH_MS) this.#fail(BROKEN);
    else this.timers.set(() => this.#deliver({ type: "pong" }), 0);
  }

  #change(): void {
    this.#changed = true;
    this.#flushSoon();
  }

  /** What is asked in one go goes into one request. */
  #flushSoon(): void {
    this.timers.clear(this.#flush);
    this.#flush = this.timers.set(() => this.#openNext(), 0);
  }

  /** One after the other: what was asked is answered before its stream is let go. */
  #openNext(): void {
    if (this.#closed || !this.#changed || this.#next !== null || this.#asked.length > 0) return;
    this.#changed = false;
    [this.#asked, this.#wanted] = [this.#wanted, []];
    const watch = [...this.#watched].map((conversation) => ({ type: "attach", conversation }));
    const line: StreamLine = new StreamLine(this.post, {
      heard: () => (this.#heardAt = this.now()),
      frame: (text) => this.#take(line, text),
      ended: (code, told) => this.#ended(line, code, told),
    });
    this.#next = line;
    this.#openedAt = this.now();
    this.#open.add(line);
    line.open(JSON.stringify({ watch, commands: this.#asked }));
  }

  #take(line: StreamLine, text: string): void {
    const event = JSON.parse(text) as Event;
    if (event.type === "ready" && line === this.#next) return this.#takeOver(line, text);
    // A text that was not sent is given back once.
    if (event.type === "error" && this.#open.size > 1) {
      if ((this.#told.get(text) ?? line) !== line) return;
      this.#told.set(text, line);
    }
    this.#note(event);
    this.onmessage?.({ data: text } as MessageEvent);
    if (this.#changed) this.#flushSoon();
  }

  #takeOver(line: StreamLine, ready: string): void {
    const old = this.#current;
    this.#current = line;
    this.#next = null;
    if (old === null) this.onmessage?.({ data: ready } as MessageEvent);
    else {
      this.timers.set(() => this.#leave(old), GRACE_MS);
      // To the page it is the same connection, which shows that it lives.
      this.#deliver({ type: "pong" });
    }
    if (this.#changed) this.#flushSoon();
  }

  /** Keeps what is watched, and what is not answered, as the server does. */
  #note(event: Event): void {
    if (event.type === "accepted" || event.type === "queued") {
      this.#watched.add(event.conversation);
      this.#settle((command) => command.type !== "attach" && command.id === event.id);
    } else if (event.type === "attached") {
      this.#watched.add(event.conversation);
      this.#settle((command) => command.type === "attach" && command.conversation === event.conversation);
    } else if (event.type === "error") {
      this.#settle((command) =>
        command.type === "attach" ? !event.id && command.turn === event.turn : command.id === event.id,
      );
    } else if (event.type === "conversation" && event.change === "deleted") {
      this.#watched.delete(event.conversation);
    }
  }

  #settle(isAnswered: (command: Bringing) => boolean): void {
    const at = this.#asked.findIndex(isAnswered);
    if (at !== -1) this.#asked.splice(at, 1);
  }

  async #tell(command: Quick): Promise<void> {
    try {
      const response = await this.post(JSON.stringify(command), false, this.#quick.signal);
      if (this.#closed) return;
      if (response.ok) {
        const { events } = (await response.json()) as { events: Event[] };
        for (const event of events) this.#deliver(event);
        return;
      }
      const told = await refusalOf(response);
      const code = codeOf(told);
      if (told === null || code === 4401 || code === 4403) this.#fail(code);
      else {
        const about = { id: "id" in command ? command.id : undefined, turn: "turn" in command ? command.turn : undefined };
        this.#deliver({ type: "error", ...about, ...told } as Event);
      }
    } catch {
      this.#fail(BROKEN);
    }
  }

  #deliver(event: Event): void {
    if (!this.#closed) this.onmessage?.({ data: JSON.stringify(event) } as MessageEvent);
  }

  #ended(line: StreamLine, code: number, told: Told | null): void {
    this.#open.delete(line);
    if (line !== this.#current && line !== this.#next) return;
    // A command that is none is told as the socket tells it; the page does not send it again.
    if (told?.id) this.#deliver({ type: "error", ...told } as Event);
    // Two were one too many: with this one closed there is room, and the connection comes back at once.
    this.#fail(code === TOO_MANY && this.#current !== null ? COME_BACK : code);
  }

  #leave(line: StreamLine): void {
    this.#open.delete(line);
    this.#told.clear();
    line.close();
  }

  #fail(code: number): void {
    if (this.#closed) return;
    this.close();
    this.onclose?.({ code } as CloseEvent);
  }
}
