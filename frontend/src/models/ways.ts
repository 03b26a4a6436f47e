/**
 * Which way the connection takes: the socket, or, where something in between blocks sockets, streams over
 * HTTP. While it streams, the socket is tried again now and then, and taken as soon as it is ready.
 */

import type { Timers } from "./ack_policy";
import type { Socket } from "./connection";

/** So many sockets in a row that never were ready are blocked. */
export const BLOCKED_AFTER = 2;
/** So often the socket is tried while the page streams. */
export const TRY_SOCKET_MS = 60_000;
/** A tried socket that is not ready by then is blocked still. */
const TRIAL_MS = 10_000;
/** Signs of waking come in crowds: between two trials passes at least so long. */
const BETWEEN_TRIALS_MS = 5_000;

export interface Openings {
  socket(): Socket;
  stream?: () => Socket;
}

export class Ways {
  /** Sockets in a row that never became ready. */
  #blocked = 0;
  #streams = false;
  #trial: Socket | null = null;
  #timer: unknown = null;
  #triedAt = 0;

  constructor(
    private readonly openings: Openings,
    private readonly take: (socket: Socket, ready: MessageEvent) => void,
    private readonly timers: Timers,
    private readonly now: () => number,
  ) {}

  /** Whether the way taken last is a stream. */
  get streams(): boolean {
    return this.#streams;
  }

  /** Opens whatever is likely to lead somewhere. */
  open(): Socket {
    const { socket, stream } = this.openings;
    this.#streams = stream !== undefined && this.#blocked >= BLOCKED_AFTER;
    return stream !== undefined && this.#streams ? stream() : socket();
  }

  /** What was opened is ready. */
  ready(): void {
    if (this.#streams) this.#tryIn(0);
    else this.#blocked = 0;
  }

  /** What was opened ended, or `hung`, before it was ready. */
  failed(code: number, hung = false): void {
    this.rest();
    // A stream that fails too speaks for a server that is away: then it is the socket's turn again.
    if (this.#streams) this.#blocked = BLOCKED_AFTER - 1;
    // With a code of the protocol the server itself has spoken.
    else if (code >= 4000) this.#blocked = 0;
    else this.#blocked = hung ? BLOCKED_AFTER : this.#blocked + 1;
  }

  /** The network or the page is back: what was blocked may be open. */
  wake(): void {
    if (this.#streams) this.#tryIn(Math.max(0, this.#triedAt + BETWEEN_TRIALS_MS - this.now()));
  }

  /** Tries nothing until something is ready again. */
  rest(): void {
    this.timers.clear(this.#timer);
    this.#giveUp();
  }

  #tryIn(delayMs: number): void {
    if (this.#trial !== null) return;
    this.timers.clear(this.#timer);
    this.#timer = this.timers.set(() => this.#try(), delayMs);
  }

  #try(): void {
    this.#triedAt = this.now();
    const socket = this.openings.socket();
    this.#trial = socket;
    socket.onclose = () => this.#blockedStill();
    socket.onmessage = (message) => {
      this.timers.clear(this.#timer);
      this.#trial = null;
      this.#streams = false;
      this.#blocked = 0;
      this.take(socket, message);
    };
    this.#timer = this.timers.set(() => this.#blockedStill(), TRIAL_MS);
  }

  #blockedStill(): void {
    this.timers.clear(this.#timer);
    this.#giveUp();
    this.#tryIn(TRY_SOCKET_MS);
  }

  #giveUp(): void {
    const socket = this.#trial;
    this.#trial = null;
    if (socket === null) return;
    socket.onclose = socket.onmessage = null;
    socket.close();
  }
}
