import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionLine } from "../src/models/connection_line";
import { TRY_SOCKET_MS } from "../src/models/ways";
import { CHAT, READY, setUp, streaming } from "./blocked_network";
import { ClockTimers } from "./people";

test("after two sockets that never were ready the page streams", async () => {
  const { sockets, newest, statuses, live } = setUp();
  await live(1_500);
  assert.equal(sockets.length, 2);
  assert.deepEqual(newest().body, { watch: [], commands: [] });
  newest().begin(READY);
  await live();
  assert.deepEqual(statuses.at(-1), { kind: "up", streams: true });
});

test("a socket that hangs is enough", async () => {
  const { sockets, asked, live } = setUp(() => null);
  await live(11_000);
  assert.equal(sockets.length, 1);
  assert.equal(asked.length, 1);
});

test("a server that is away is no blocked socket: both are tried in turn", async () => {
  const { sockets, asked, newest, live } = setUp();
  for (let second = 0; second < 30; second += 1) {
    await live(1_000);
    if (asked.length > 0) newest().reply({}, 502);
  }
  assert.ok(asked.length >= 2);
  assert.ok(Math.abs(sockets.length - asked.length) <= 2, `${sockets.length} sockets, ${asked.length} streams`);
});

test("a server that refuses by a code of its own blocks nothing", async () => {
  const { asked, live } = setUp(() => 4012);
  await live(30_000);
  assert.equal(asked.length, 0);
});

test("the socket is tried now and then, and takes over when it is ready", async () => {
  let code: number | null = 1006;
  const { connection, newest, sockets, statuses, live } = await streaming(() => code);
  await live(1_000);
  const tried = sockets.length;
  for (let passed = 0; passed < TRY_SOCKET_MS - 10_000; passed += 10_000) {
    newest().write(": ping\n\n");
    await live(10_000);
  }
  assert.equal(sockets.length, tried, "not too often");
  code = null;
  newest().write(": ping\n\n");
  await live(10_000);
  newest().write(": ping\n\n");
  assert.equal(sockets.length, tried + 1);
  const stream = newest();
  sockets.at(-1)?.onmessage?.({ data: JSON.stringify(READY) } as MessageEvent);
  assert.deepEqual(statuses.at(-1), { kind: "up" });
  assert.equal(stream.signal.aborted, true);
  connection.start(CHAT);
  assert.ok(sockets.at(-1)?.sent.some((text) => text.includes("id-1")));
  assert.ok(!statuses.slice(2).some(({ kind }) => kind === "down"), "nobody was told of a loss");
});

test("the network's return tries the socket soon", async () => {
  const { connection, sockets, live } = await streaming();
  await live(6_000);
  const tried = sockets.length;
  connection.wake();
  await live(500);
  assert.equal(sockets.length, tried + 1);
});

test("the line says that sockets are blocked while they are, and not for a moment of it", () => {
  const timers = new ClockTimers();
  const said: string[] = [];
  const line = new ConnectionLine(({ says }) => said.push(says), timers);
  line.status({ kind: "up", streams: true });
  line.caughtUp();
  timers.pass(1_000);
  line.status({ kind: "up" });
  timers.pass(5_000);
  assert.deepEqual(said, []);
  line.status({ kind: "up", streams: true });
  timers.pass(2_000);
  assert.deepEqual(said, ["streaming"]);
  line.status({ kind: "down" });
  timers.pass(3_000);
  line.status({ kind: "up", streams: true });
  line.caughtUp();
  timers.pass(5_000);
  line.status({ kind: "up" });
  assert.deepEqual(said, ["streaming", "reconnecting", "back", "streaming", "nothing"]);
});

test("a hidden page lets its stream go and keeps a socket, and has one again when it is seen", async () => {
  const { connection, asked, newest, statuses, live } = await streaming();
  connection.rest(true);
  assert.equal(newest().signal.aborted, true);
  await live(60_000);
  assert.equal(asked.length, 1);
  connection.wake();
  await live(1_000);
  newest().begin(READY);
  await live();
  assert.deepEqual(statuses.at(-1), { kind: "up", streams: true });
  const bySocket = setUp(() => null);
  bySocket.sockets[0]?.onmessage?.({ data: JSON.stringify(READY) } as MessageEvent);
  bySocket.connection.rest(true);
  assert.equal(bySocket.sockets[0]?.closed, false);
});
