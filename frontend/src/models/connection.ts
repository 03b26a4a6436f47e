/**
 * The one socket of the page: keeps it open, says when it is ready, and sends unanswered starts again
 * with their old ids, which the server answers with the same turn.
 */

import { type Timers } from "./ack_policy";
import { afterClose, type Verdict } from "./backoff";
import type { Command, Event, Ready, Start } from "./protocol";

export interface Socket {
  send(text: string): void;
  close(code?: number): void;
  onmessage: ((message: MessageEvent) => void) | null;
  onclose: ((close: CloseEvent) => void) | null;
}

export interface ConnectionHandlers {
  /** The socket may be used: attach to what is open. Unanswered starts were sent again already. */
  ready(event: Ready): void;
  /** Any other event, with its frame's size. */
  event(event: Event, bytes: number): void;
  /** "up", "down" (trying again by itself), or "stopped" with why. */
  status(status: Status): void;
}

export type Status =
  | { kind: "up" }
  | { kind: "down" }
  | { kind: "stopped"; reason: Extract<Verdict, { kind: "stop" }>["reason"] };

const DEFAULT_HEARTBEAT_SECONDS = 20;

export class Connection {
  #socket: Socket | null = null;
  #isReady = false;
  #attempt = 0;
  #retry: unknown = null;
  #heartbeat: unknown = null;
  #heartbeatMs = DEFAULT_HEARTBEAT_SECONDS * 1000;
  #heard = true;
  #stopped = false;
  readonly #unanswered = new Map<string, Start>();

  constructor(
    private readonly open: () => Socket,
    private readonly handlers: ConnectionHandlers,
    private readonly timers: Timers,
    private readonly random: () => number = Math.random,
  ) {}

  get ready(): boolean {
    return this.#isReady;
  }

  get waiting(): readonly Start[] {
    return [...this.#unanswered.values()];
  }

  connect(): void {
    if (this.#socket !== null || this.#stopped) return;
    this.timers.clear(this.#retry);
    const socket = this.open();
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(socket, data);
    socket.onclose = ({ code }) => this.#closed(socket, code);
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

  /** Tries at once: the network or the person is back. */
  wake(): void {
    if (this.#stopped) return;
    if (this.#socket === null) this.connect();
    else if (this.#isReady) this.#beat(2_500);
  }

  #write(command: Command): void {
    this.#socket?.send(JSON.stringify(command));
  }

  #receive(socket: Socket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#heard = true;
    const event = parse(data);
    if (event === null) return;
    if (event.type === "ready") this.#becomeReady(event);
    else {
      this.#answer(event);
      this.handlers.event(event, data.length);
    }
  }

  #becomeReady(event: Ready): void {
    this.#isReady = true;
    this.#attempt = 0;
    this.#heartbeatMs = (event.heartbeat_seconds || DEFAULT_HEARTBEAT_SECONDS) * 1000;
    this.#beat(this.#heartbeatMs);
    this.handlers.status({ kind: "up" });
    for (const command of this.#unanswered.values()) this.#write(command);
    this.handlers.ready(event);
  }

  #answer(event: Event): void {
    if (event.type === "accepted") this.#unanswered.delete(event.id);
    // A server that is closing down did not take the command: the next one will.
    else if (event.type === "error" && event.id && event.code !== "restarting") {
      this.#unanswered.delete(event.id);
    }
  }

  #beat(patienceMs: number): void {
    this.timers.clear(this.#heartbeat);
    this.#heard = false;
    this.#write({ type: "ping" });
    this.#heartbeat = this.timers.set(() => {
      if (this.#heard) this.#beat(this.#heartbeatMs);
      else this.#lose();
    }, patienceMs);
  }

  /** Gives up a silent socket without waiting for its close, which may take minutes. */
  #lose(): void {
    const socket = this.#socket;
    if (socket === null) return;
    socket.onclose = null;
    socket.close();
    this.#closed(socket, 1006);
  }

  #closed(socket: Socket, code: number): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#isReady = false;
    this.timers.clear(this.#heartbeat);
    const verdict = afterClose(code, this.#attempt, this.random());
    if (verdict.kind === "stop") {
      this.#stopped = true;
      this.handlers.status({ kind: "stopped", reason: verdict.reason });
      return;
    }
    this.#attempt += 1;
    this.handlers.status({ kind: "down" });
    this.#retry = this.timers.set(() => this.connect(), verdict.delayMs);
  }
}

function parse(data: string): Event | null {
  try {
    const event: unknown = JSON.parse(data);
    const isEvent = typeof event === "object" && event !== null && "type" in event;
    return isEvent ? (event as Event) : null;
  } catch {
    return null;
  }
}
