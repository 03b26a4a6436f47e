/**
 * The one connection of the page: keeps it open, says when it is ready, and sends unanswered starts again
 * with their old ids, which the server answers with the same turn. It is a socket, or what stands in for one.
 */

import { type Timers } from "./ack_policy";
import { afterClose, AWAKE_MS, type Verdict } from "./backoff";
import { Patience } from "./patience";
import type { Command, Event, Ready, Start } from "./protocol";
import { type Openings, Ways } from "./ways";

export interface Socket {
  send(text: string): void;
  close(code?: number): void;
  /** Brings a frame soon if it lives; for one that answers a `ping` by itself. */
  probe?(): void;
  onmessage: ((message: MessageEvent) => void) | null;
  onclose: ((close: CloseEvent) => void) | null;
}

export interface ConnectionHandlers {
  /** The socket may be used: attach to what is open. Unanswered starts were sent again already. */
  ready(event: Ready): void;
  /** Any other event, with its frame's size. */
  event(event: Event, bytes: number): void;
  /** "up" (`streams`: sockets are blocked), "down" (trying again by itself), or "stopped" with why. */
  status(status: Status): void;
}

export type Status =
  | { kind: "up"; streams?: true }
  | { kind: "down" }
  | { kind: "stopped"; reason: Extract<Verdict, { kind: "stop" }>["reason"] };

const DEFAULT_HEARTBEAT_SECONDS = 20;
/** A socket that is not ready by then goes into the void. */
const OPENING_MS = 10_000;
/** So long a waking page waits for a sign of life. */
const PROBE_MS = 2_500;
/** A connection that lasted so long was a good one: the next loss is a first one again. */
const STEADY_MS = 10_000;
/** A server that is going down may say so long before it does. */
const REFUSED_AGAIN_MS = 5_000;

export class Connection {
  #socket: Socket | null = null;
  #isReady = false;
  #readyAt = 0;
  #attempt = 0;
  #retry: unknown = null;
  #again: unknown = null;
  #heartbeatMs = DEFAULT_HEARTBEAT_SECONDS * 1000;
  #stopped = false;
  readonly #patience: Patience;
  readonly #ways: Ways;
  readonly #unanswered = new Map<string, Start>();

  constructor(
    openings: Openings,
    private readonly handlers: ConnectionHandlers,
    private readonly timers: Timers,
    private readonly random: () => number = Math.random,
    private readonly now: () => number = Date.now,
  ) {
    this.#patience = new Patience(timers, now);
    this.#ways = new Ways(openings, (socket, ready) => this.#change(socket, ready), timers, now);
  }

  get ready(): boolean {
    return this.#isReady;
  }

  get waiting(): readonly Start[] {
    return [...this.#unanswered.values()];
  }

  connect(): void {
    if (this.#socket !== null || this.#stopped) return;
    this.timers.clear(this.#retry);
    this.#use(this.#ways.open());
    this.#await(OPENING_MS);
  }

  #use(socket: Socket): void {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(socket, data);
    socket.onclose = ({ code }) => this.#closed(socket, code);
  }

  /** A socket came about while the page streams: it takes over. */
  #change(socket: Socket, ready: MessageEvent): void {
    this.#drop();
    this.#use(socket);
    this.#receive(socket, ready.data);
  }

  /** Sends a command that starts a turn, now or as soon as the socket is back. */
  start(command: Start): void {
    this.#unanswered.set(command.id, command);
    if (this.#isReady) this.#write(command);
  }

  /** Sends any other command if the socket is ready; false when it was dropped. */
  send(command: Exclude<Command, Start>): boolean {
    if (!this.#isReady) return false;
    this.#write(command);
    return true;
  }

  /** The network, the page or the person is back: a socket that does not answer soon is given up. */
  wake(): void {
    if (this.#stopped) return;
    this.#ways.wake();
    if (this.#socket === null) {
      this.#attempt = 0;
      this.#retryIn(Math.round(AWAKE_MS * this.random()));
    } else if (!this.#patience.shorterThan(PROBE_MS)) this.#await(PROBE_MS);
  }

  /** Closes the socket until `wake`: the page goes into the browser's cache, or nobody sees it and it `streams`. */
  rest(streams = false): void {
    if (streams && !this.#ways.streams) return;
    this.timers.clear(this.#retry);
    this.#ways.rest();
    if (this.#socket === null) return;
    this.#drop();
    this.handlers.status({ kind: "down" });
  }

  #write(command: Command): void {
    this.#socket?.send(JSON.stringify(command));
  }

  #receive(socket: Socket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#patience.heard();
    const event = parse(data);
    if (event === null) return;
    if (event.type === "ready") this.#becomeReady(event);
    else {
      this.#answer(event);
      this.handlers.event(event, sizeOf(data));
    }
  }

  #becomeReady(event: Ready): void {
    this.#isReady = true;
    this.#readyAt = this.now();
    this.#heartbeatMs = (event.heartbeat_seconds || DEFAULT_HEARTBEAT_SECONDS) * 1000;
    this.#await(this.#heartbeatMs);
    this.#ways.ready();
    this.handlers.status(this.#ways.streams ? { kind: "up", streams: true } : { kind: "up" });
    this.#sendUnanswered();
    this.handlers.ready(event);
  }

  #sendUnanswered(): void {
    if (this.#isReady) for (const command of this.#unanswered.values()) this.#write(command);
  }

  #answer(event: Event): void {
    if (event.type === "accepted" || event.type === "queued") this.#unanswered.delete(event.id);
    else if (event.type === "error" && event.id) {
      // A server that is closing down did not take the command: the next one will.
      if (event.code !== "restarting") this.#unanswered.delete(event.id);
      else {
        this.timers.clear(this.#again);
        this.#again = this.timers.set(() => this.#sendUnanswered(), REFUSED_AGAIN_MS);
      }
    }
  }

  /** Waits for any frame; a ready socket is asked for one. */
  #await(patienceMs: number): void {
    if (this.#isReady && patienceMs === PROBE_MS && this.#socket?.probe) this.#socket.probe();
    else if (this.#isReady) this.#write({ type: "ping" });
    this.#patience.begin(patienceMs, {
      heard: () => this.#await(this.#isReady ? this.#heartbeatMs : OPENING_MS),
      slept: () => this.#await(PROBE_MS),
      silent: () => this.#lose(),
    });
  }

  /** Gives up a silent socket without waiting for its close, which may take minutes. */
  #lose(): void {
    this.#note(1006, true);
    this.#drop();
    this.#retryAfter(1006);
  }

  #note(code: number, hung = false): void {
    if (this.#isReady) this.#ways.rest();
    else this.#ways.failed(code, hung);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#forget();
    if (socket === null) return;
    socket.onclose = null;
    socket.close();
  }

  #forget(): void {
    if (this.#isReady && this.now() - this.#readyAt >= STEADY_MS) this.#attempt = 0;
    this.#socket = null;
    this.#isReady = false;
    this.#patience.end();
    this.timers.clear(this.#again);
  }

  #closed(socket: Socket, code: number): void {
    if (socket !== this.#socket) return;
    this.#note(code);
    this.#forget();
    this.#retryAfter(code);
  }

  #retryAfter(code: number): void {
    const verdict = afterClose(code, this.#attempt, this.random());
    if (verdict.kind === "stop") {
      this.#stopped = true;
      this.handlers.status({ kind: "stopped", reason: verdict.reason });
      return;
    }
    this.#attempt += 1;
    this.handlers.status({ kind: "down" });
    this.#retryIn(verdict.delayMs);
  }

  #retryIn(delayMs: number): void {
    this.timers.clear(this.#retry);
    this.#retry = this.timers.set(() => this.connect(), delayMs);
  }
}

/** The bytes of a frame, as the server counts them. */
const sizeOf = (data: string): number => new TextEncoder().encode(data).length;

function parse(data: string): Event | null {
  try {
    const event: unknown = JSON.parse(data);
    const isEvent = typeof event === "object" && event !== null && "type" in event;
    return isEvent ? (event as Event) : null;
  } catch {
    return null;
  }
}
