import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection, type Socket, type Status } from "../src/models/connection";
import { Waking } from "../src/models/waking";
import { ClockTimers } from "./people";

const READY = { type: "ready", protocol: "tram.v1", heartbeat_seconds: 20, limits: {}, connection: "c" };
const TWO_HOURS_MS = 2 * 3_600_000;
const MINUTE_MS = 60_000;

/** A socket whose other end answers pings, until it is dead. */
class LiveSocket implements Socket {
  onmessage: ((message: MessageEvent) => void) | null = null;
  onclose: ((close: CloseEvent) => void) | null = null;
  isDead = false;
  pings = 0;
  closed = false;

  constructor(
    private readonly timers: ClockTimers,
    private readonly opens: boolean,
  ) {
    if (opens) this.timers.set(() => this.say(READY), 5);
  }

  send(text: string): void {
    if ((JSON.parse(text) as { type: string }).type !== "ping") return;
    this.pings += 1;
    // The network does not wait for throttled timers: the answer is there as soon as the page looks.
    if (!this.isDead && this.opens) queueMicrotask(() => this.say({ type: "pong" }));
  }

  close(): void {
    this.closed = true;
  }

  say(event: object): void {
    if (!this.isDead && !this.closed) this.onmessage?.({ data: JSON.stringify(event) } as MessageEvent);
  }
}

function setUp(opens: () => boolean = () => true) {
  const timers = new ClockTimers();
  const sockets: LiveSocket[] = [];
  const statuses: Status[] = [];
  const open = () => {
    sockets.push(new LiveSocket(timers, opens()));
    return sockets.at(-1) as LiveSocket;
  };
  const handlers = { ready: () => undefined, event: () => undefined, status: (status: Status) => statuses.push(status) };
  const connection = new Connection({ socket: open }, handlers, timers, () => 0.5, () => timers.now);
  connection.connect();
  timers.pass(10);
  const socket = () => sockets.at(-1) as LiveSocket;
  /** Time goes by in small steps, between which answers arrive. */
  const live = async (ms: number, stepMs = 500) => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      timers.pass(stepMs);
      await Promise.resolve();
    }
  };
  return { connection, timers, sockets, socket, statuses, live };
}

test("a socket that died in two hours of sleep is replaced 2.5 s after waking", async () => {
  const { connection, timers, sockets, socket, statuses, live } = setUp();
  await live(MINUTE_MS);
  socket().isDead = true;
  timers.sleep(TWO_HOURS_MS);
  connection.wake();
  await live(2_500);
  assert.equal(socket().closed || sockets.length > 1, true);
  await live(1_000);
  assert.equal(sockets.length, 2);
  assert.deepEqual(statuses.at(-1), { kind: "up" });
});

test("a socket that lived through the sleep is kept", async () => {
  const { connection, timers, sockets, statuses, live } = setUp();
  await live(MINUTE_MS);
  timers.sleep(TWO_HOURS_MS);
  connection.wake();
  await live(MINUTE_MS);
  assert.equal(sockets.length, 1);
  assert.deepEqual(statuses, [{ kind: "up" }]);
});

test("a timer that was held back is no proof: the answer may wait behind it", () => {
  const { timers, sockets, socket } = setUp();
  socket().isDead = true;
  timers.pass(19_000);
  timers.sleep(TWO_HOURS_MS);
  timers.pass(1);
  assert.equal(sockets.length, 1, "asked again, not given up");
  assert.ok(socket().pings >= 2);
  timers.pass(2_500);
  assert.equal(socket().closed, true);
});

test("many signs of waking ask once and do not put the end off", async () => {
  const { connection, socket, live, timers } = setUp();
  await live(1_000);
  socket().isDead = true;
  const { pings } = socket();
  for (let signs = 0; signs < 5; signs += 1) {
    connection.wake();
    timers.pass(400);
  }
  assert.equal(socket().pings, pings + 1);
  timers.pass(600);
  assert.equal(socket().closed, true);
});

test("a tab in the background for two hours keeps its socket with timers of once a minute", async () => {
  const { timers, sockets, socket, live } = setUp();
  timers.throttleMs = MINUTE_MS;
  await live(TWO_HOURS_MS, 30_000);
  assert.equal(sockets.length, 1);
  assert.ok(socket().pings > 100, `a heartbeat a minute, not ${socket().pings}`);
});

test("a connection that never comes about is given up and tried again", async () => {
  let opens = false;
  const { sockets, statuses, live } = setUp(() => opens);
  await live(16_000);
  assert.equal(sockets[0]?.closed, true);
  opens = true;
  await live(MINUTE_MS);
  assert.deepEqual(statuses.at(-1), { kind: "up" });
});

test("a server that accepts and drops is not asked ever faster", async () => {
  const { sockets, socket, live } = setUp();
  for (let second = 0; second < 120; second += 1) {
    socket().onclose?.({ code: 1006 } as CloseEvent);
    await live(1_000);
  }
  assert.ok(sockets.length < 40, `${sockets.length} connections in two minutes`);
});

test("4408 after a sleep resumes by itself", async () => {
  const { sockets, socket, statuses, timers, live } = setUp();
  timers.sleep(TWO_HOURS_MS);
  socket().onclose?.({ code: 4408 } as CloseEvent);
  await live(1_000);
  assert.equal(sockets.length, 2);
  assert.deepEqual(statuses.at(-1), { kind: "up" });
});

test("a page in the browser's cache has no socket, and has one again when it is taken out", async () => {
  const { connection, sockets, socket, statuses, timers, live } = setUp();
  connection.rest();
  assert.equal(socket().closed, true);
  await live(MINUTE_MS);
  assert.equal(sockets.length, 1);
  timers.sleep(TWO_HOURS_MS);
  connection.wake();
  await live(1_000);
  assert.equal(sockets.length, 2);
  assert.deepEqual(statuses.at(-1), { kind: "up" });
});

test("a clock that leaps tells that the machine slept; a busy page does not", () => {
  const timers = new ClockTimers();
  let woken = 0;
  const waking = new Waking(() => (woken += 1), timers, () => timers.now);
  waking.watch();
  timers.pass(30_000);
  timers.sleep(3_000);
  timers.pass(5_000);
  assert.equal(woken, 0);
  timers.sleep(TWO_HOURS_MS);
  timers.pass(1_000);
  assert.equal(woken, 1);
  waking.rest();
  timers.sleep(TWO_HOURS_MS);
  timers.pass(5_000);
  assert.equal(woken, 1, "nobody looks at a hidden page");
});
