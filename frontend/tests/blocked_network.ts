/** A page before a network that lets no sockets through, or some. */

import { Connection, type Socket, type Status } from "../src/models/connection";
import type { Chat, Event } from "../src/models/protocol";
import { StreamSocket } from "../src/models/stream_socket";
import { ClockTimers } from "./people";

export const READY = { type: "ready", protocol: "tram.v1", heartbeat_seconds: 25, limits: {}, connection: "c" };
export const CHAT: Chat = { type: "chat", id: "id-1", conversation: null, parent: null, content: "Hi", model: "m" };

/** A request that the page made; the test answers it. */
export class Asked {
  #stream: ReadableStreamDefaultController<Uint8Array> | null = null;
  constructor(
    readonly body: { watch?: { conversation: string }[]; commands?: { type: string }[]; type?: string },
    readonly streams: boolean,
    readonly signal: AbortSignal,
    private readonly answer: (response: Response) => void,
  ) {}

  begin(...frames: object[]): void {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.#stream = controller) });
    this.answer(new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } }));
    this.say(...frames);
  }

  say(...frames: object[]): void {
    for (const frame of frames) this.write(`data: ${JSON.stringify(frame)}\n\n`);
  }

  write(text: string): void {
    this.#stream?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#stream?.close();
  }

  reply(value: object, status = 200): void {
    this.answer(new Response(JSON.stringify(value), { status }));
  }
}

class BlockedSocket implements Socket {
  onmessage: ((message: MessageEvent) => void) | null = null;
  onclose: ((close: CloseEvent) => void) | null = null;
  closed = false;
  readonly sent: string[] = [];
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
}

export function setUp(refuses: () => number | null = () => 1006) {
  const timers = new ClockTimers();
  const asked: Asked[] = [];
  const sockets: BlockedSocket[] = [];
  const events: Event[] = [];
  const statuses: Status[] = [];
  const post = (body: string, streams: boolean, signal: AbortSignal) =>
    new Promise<Response>((answer) => asked.push(new Asked(JSON.parse(body), streams, signal, answer)));
  const socket = () => {
    const made = new BlockedSocket();
    sockets.push(made);
    const code = refuses();
    if (code !== null) timers.set(() => made.onclose?.({ code } as CloseEvent), 1);
    return made;
  };
  const now = () => timers.now;
  const openings = { socket, stream: () => new StreamSocket(post, timers, now) };
  const handlers = {
    ready: () => undefined,
    event: (event: Event) => events.push(event),
    status: (status: Status) => statuses.push(status),
  };
  const connection = new Connection(openings, handlers, timers, () => 0.5, now);
  connection.connect();
  /** Lets time pass, and what was answered arrive. */
  const live = async (ms = 10) => {
    for (let passed = 0; passed < ms; passed += 500) {
      timers.pass(Math.min(ms, 500));
      for (let turn = 0; turn < 20; turn += 1) await new Promise((next) => setImmediate(next));
    }
  };
  const newest = () => asked.at(-1) as Asked;
  return { connection, timers, asked, newest, sockets, events, statuses, live };
}

export async function streaming(refuses?: () => number | null) {
  const made = setUp(refuses);
  await made.live(1_500);
  made.newest().begin(READY);
  await made.live();
  return made;
}
