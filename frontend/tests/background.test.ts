import assert from "node:assert/strict";
import { test } from "node:test";
import { ACK_AFTER_BYTES, AckPolicy } from "../src/models/ack_policy";
import { BACK_MS, ConnectionLine, type Line, QUIET_MS } from "../src/models/connection_line";
import { ClockTimers } from "./people";

const MINUTE_MS = 60_000;

test("acks do not wait for timers: a background tab never owes a server's window", () => {
  const timers = new ClockTimers();
  timers.throttleMs = MINUTE_MS;
  let owedBytes = 0;
  let mostBytes = 0;
  const unacked = new Map<string, number>();
  const policy = new AckPolicy(
    (turn) => {
      owedBytes -= unacked.get(turn) ?? 0;
      unacked.delete(turn);
    },
    timers,
    () => timers.now,
  );
  for (let frame = 1; frame <= 20_000; frame += 1) {
    const turn = `turn-${frame % 7}`;
    const bytes = 100 + (frame % 13) * 900;
    owedBytes += bytes;
    unacked.set(turn, (unacked.get(turn) ?? 0) + bytes);
    mostBytes = Math.max(mostBytes, owedBytes);
    policy.received(turn, frame, bytes);
    timers.pass(frame % 50 === 0 ? 400 : 7);
  }
  assert.ok(mostBytes < ACK_AFTER_BYTES + 12_000, `${mostBytes} bytes`);
});

test("an ack is due by the clock when the next frame comes, whatever the timers do", () => {
  const timers = new ClockTimers();
  timers.throttleMs = MINUTE_MS;
  const acks: [string, number][] = [];
  const policy = new AckPolicy((turn, seq) => acks.push([turn, seq]), timers, () => timers.now);
  policy.received("t", 1, 10);
  timers.pass(600);
  assert.deepEqual(acks, []);
  policy.received("t", 2, 10);
  assert.deepEqual(acks, [["t", 2]]);
});

function lineSetUp() {
  const timers = new ClockTimers();
  const said: string[] = [];
  const line = new ConnectionLine((shown: Line) => said.push(shown.says), timers);
  return { timers, said, line };
}

test("a short loss is not told, nor its end", () => {
  const { timers, said, line } = lineSetUp();
  for (let losses = 0; losses < 5; losses += 1) {
    line.status({ kind: "down" });
    timers.pass(QUIET_MS - 100);
    line.status({ kind: "up" });
    line.caughtUp();
    timers.pass(300);
  }
  timers.pass(10_000);
  assert.deepEqual(said, []);
});

test("a long loss is told once, and its end only when the server sends what is missing", () => {
  const { timers, said, line } = lineSetUp();
  line.status({ kind: "down" });
  line.status({ kind: "down" });
  timers.pass(QUIET_MS);
  line.status({ kind: "up" });
  line.status({ kind: "down" });
  timers.pass(30_000);
  line.status({ kind: "up" });
  assert.deepEqual(said, ["reconnecting"]);
  line.caughtUp();
  timers.pass(BACK_MS);
  assert.deepEqual(said, ["reconnecting", "back", "nothing"]);
});

test("without a network that is said, and of an answer that was cut not that nothing was lost", () => {
  const { timers, said, line } = lineSetUp();
  line.network(false);
  line.status({ kind: "down" });
  timers.pass(QUIET_MS);
  line.network(true);
  line.status({ kind: "up" });
  line.answerCut();
  line.caughtUp();
  assert.deepEqual(said, ["offline", "reconnecting", "cut"]);
});

test("a lost right to be here is told at once and stays", () => {
  const { timers, said, line } = lineSetUp();
  line.status({ kind: "stopped", reason: "signed_out" });
  timers.pass(60_000);
  assert.deepEqual(said, ["stopped"]);
});
