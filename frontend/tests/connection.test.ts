import assert from "node:assert/strict";
import { test } from "node:test";
import { AckPolicy } from "../src/models/ack_policy";
import { afterClose } from "../src/models/backoff";
import { Connection, type Socket, type Status } from "../src/models/connection";
import type { Chat, Event } from "../src/models/protocol";
import { accepted, HandTimers } from "./people";

class FakeSocket implements Socket {
  sent: { type: string; id?: string }[] = [];
  onmessage: ((message: MessageEvent) => void) | null = null;
  onclose: ((close: CloseEvent) => void) | null = null;
  send(text: string): void {
    this.sent.push(JSON.parse(text) as { type: string });
  }
  close(): void {
    return;
  }
  say(event: object): void {
    this.onmessage?.({ data: JSON.stringify(event) } as MessageEvent);
  }
  drop(code: number): void {
    this.onclose?.({ code } as CloseEvent);
  }
  get types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}

const READY = { type: "ready", protocol: "tram.v1", heartbeat_seconds: 20, limits: {}, connection: "c" };
const CHAT: Chat = { type: "chat", id: "id-1", conversation: null, parent: null, content: "Hi", model: "m" };

function setUp() {
  const sockets: FakeSocket[] = [];
  const events: Event[] = [];
  const statuses: Status[] = [];
  const timers = new HandTimers();
  let readies = 0;
  const connection = new Connection(
    {
      socket: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket;
      },
    },
    { ready: () => (readies += 1), event: (event) => events.push(event), status: (status) => statuses.push(status) },
    timers,
    () => 0.5,
  );
  connection.connect();
  const socket = () => sockets.at(-1) as FakeSocket;
  return { connection, sockets, socket, events, statuses, timers, readies: () => readies };
}

test("a message sent before the socket is ready goes out when it is", () => {
  const { connection, socket } = setUp();
  connection.start(CHAT);
  assert.deepEqual(socket().types, []);
  socket().say(READY);
  assert.deepEqual(socket().types, ["ping", "chat"]);
});

test("an unanswered message is sent again with the same id after a reconnect, an answered one is not", () => {
  const { connection, socket, sockets, timers } = setUp();
  socket().say(READY);
  connection.start(CHAT);
  socket().drop(1006);
  timers.fire();
  socket().say(READY);
  assert.equal(sockets.length, 2);
  assert.deepEqual(socket().sent.filter(({ type }) => type === "chat"), [CHAT]);
  socket().say(accepted("id-1"));
  socket().drop(1006);
  timers.fire();
  socket().say(READY);
  assert.deepEqual(socket().types, ["ping"]);
});

test("a refused message is not sent again, except when the server was closing down", () => {
  const { connection, socket } = setUp();
  socket().say(READY);
  connection.start(CHAT);
  socket().say({ type: "error", id: "id-1", code: "restarting", message: "" });
  assert.equal(connection.waiting.length, 1);
  socket().say({ type: "error", id: "id-1", code: "budget_exhausted", message: "" });
  assert.equal(connection.waiting.length, 0);
});

test("acks and the like are dropped while the socket is away", () => {
  const { connection, socket } = setUp();
  assert.equal(connection.send({ type: "ack", turn: "t", seq: 1 }), false);
  socket().say(READY);
  assert.equal(connection.send({ type: "ack", turn: "t", seq: 1 }), true);
});

test("a silent socket is given up after a heartbeat without an answer", () => {
  const { socket, sockets, statuses, timers } = setUp();
  socket().say(READY);
  timers.fire();
  assert.deepEqual(statuses.at(-1), { kind: "down" });
  timers.fire();
  assert.equal(sockets.length, 2);
});

test("an answered heartbeat keeps the socket", () => {
  const { socket, sockets, statuses, timers } = setUp();
  socket().say(READY);
  socket().say({ type: "pong" });
  timers.fire();
  assert.deepEqual(statuses.at(-1), { kind: "up" });
  assert.equal(sockets.length, 1);
});

test("after 4401 nothing is tried again", () => {
  const { connection, socket, sockets, statuses, timers } = setUp();
  socket().say(READY);
  socket().drop(4401);
  timers.fire();
  connection.wake();
  assert.equal(sockets.length, 1);
  assert.deepEqual(statuses.at(-1), { kind: "stopped", reason: "signed_out" });
});

test("what is no event is passed over and the socket lives", () => {
  const { socket, events } = setUp();
  socket().onmessage?.({ data: "not json" } as MessageEvent);
  socket().onmessage?.({ data: new ArrayBuffer(1) } as MessageEvent);
  socket().say({ type: "pong" });
  assert.deepEqual(events, [{ type: "pong" }]);
});

test("waiting grows with each try and stays bounded", () => {
  const delays = [0, 1, 2, 3, 4, 10, 30].map((attempt) => {
    const verdict = afterClose(1006, attempt, 0.999);
    return verdict.kind === "retry" ? verdict.delayMs : -1;
  });
  assert.ok((delays[0] ?? 0) <= 250);
  assert.deepEqual([...delays].sort((a, b) => a - b), delays);
  assert.ok((delays.at(-1) ?? 0) <= 15_250);
});

test("each close code has its own answer", () => {
  assert.deepEqual(afterClose(4401, 0, 0), { kind: "stop", reason: "signed_out" });
  assert.deepEqual(afterClose(4403, 0, 0), { kind: "stop", reason: "forbidden" });
  assert.deepEqual(afterClose(4409, 0, 0), { kind: "stop", reason: "protocol" });
  assert.deepEqual(afterClose(4012, 0, 0.5), { kind: "retry", delayMs: 1000 });
  assert.deepEqual(afterClose(4408, 0, 0), { kind: "retry", delayMs: 0 });
  const tooMany = afterClose(4429, 0, 0);
  assert.ok(tooMany.kind === "retry" && tooMany.delayMs >= 15_000);
});

test("an ack goes out once after 500 ms, with the newest number", () => {
  const timers = new HandTimers();
  const acks: [string, number][] = [];
  const policy = new AckPolicy((turn, seq) => acks.push([turn, seq]), timers);
  policy.received("t", 1, 100);
  policy.received("t", 2, 100);
  assert.deepEqual(timers.delays, [500]);
  assert.deepEqual(acks, []);
  timers.fire();
  assert.deepEqual(acks, [["t", 2]]);
});

test("an ack does not wait beyond 64 KiB", () => {
  const timers = new HandTimers();
  const acks: [string, number][] = [];
  const policy = new AckPolicy((turn, seq) => acks.push([turn, seq]), timers);
  policy.received("t", 1, 65_535);
  assert.deepEqual(acks, []);
  policy.received("t", 2, 1);
  assert.deepEqual(acks, [["t", 2]]);
  assert.deepEqual(timers.delays, []);
});
