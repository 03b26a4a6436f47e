import assert from "node:assert/strict";
import { test } from "node:test";
import { SseReader } from "../src/models/sse";
import { CHAT, READY, streaming } from "./blocked_network";
import { accepted } from "./people";

test("a message is asked by a new stream, which takes over what the old one watched", async () => {
  const { connection, asked, newest, events, live } = await streaming();
  connection.start(CHAT);
  await live();
  const second = newest();
  assert.deepEqual(second.body.commands, [CHAT]);
  second.begin(READY, accepted("id-1"));
  await live();
  assert.deepEqual(events.at(-1), accepted("id-1"));
  assert.equal(asked[0]?.signal.aborted, false, "what is on its way in the old one still comes");
  await live(1_500);
  assert.equal(asked[0]?.signal.aborted, true);
  assert.equal(second.signal.aborted, false);
  connection.send({ type: "attach", conversation: "conversation-2" });
  await live();
  assert.deepEqual(newest().body.watch, [{ conversation: "conversation-1", type: "attach" }]);
  newest().begin(READY, { type: "attached", conversation: "conversation-2", turns: [] });
  await live();
  connection.send({ type: "detach", conversation: "conversation-1" });
  await live();
  assert.deepEqual(newest().body.watch, [{ conversation: "conversation-2", type: "attach" }]);
});

test("a message that was not answered when its stream broke is sent again", async () => {
  const { connection, newest, live } = await streaming();
  connection.start(CHAT);
  await live();
  newest().begin(READY);
  newest().end();
  await live(1_000);
  newest().begin(READY);
  await live();
  assert.deepEqual(newest().body.commands, [CHAT]);
});

test("where two streams are one too many, the first makes room", async () => {
  const { connection, asked, newest, events, live } = await streaming();
  connection.start(CHAT);
  await live();
  newest().reply({ error: { code: "rate_limited", message: "Too many pages are open." } }, 429);
  await live(2_000);
  assert.equal(asked[0]?.signal.aborted, true);
  newest().begin(READY);
  await live(1_000);
  assert.deepEqual(newest().body.commands, [CHAT]);
  newest().begin(READY, accepted("id-1"));
  await live();
  assert.deepEqual(events.at(-1), accepted("id-1"));
});

test("a stop is a short request, and its refusal is told", async () => {
  const { connection, newest, events, live } = await streaming();
  connection.send({ type: "interrupt", turn: "turn-1" });
  await live();
  assert.equal(newest().streams, false);
  assert.deepEqual(newest().body, { type: "interrupt", turn: "turn-1" });
  newest().reply({ error: { code: "not_found", message: "There is no such thing here." } }, 404);
  await live();
  const { type, turn, code } = events.at(-1) as { type: string; turn?: string; code?: string };
  assert.deepEqual([type, turn, code], ["error", "turn-1", "not_found"]);
});

test("a frame that the server does not take is refused once and not sent again", async () => {
  const { connection, newest, events, live } = await streaming();
  connection.start(CHAT);
  await live();
  newest().reply({ error: { code: "bad_frame", message: "Too long", id: "id-1" } }, 400);
  await live(2_000);
  assert.equal((events.at(-1) as { code?: string }).code, "bad_frame");
  newest().begin(READY);
  await live();
  assert.deepEqual(newest().body.commands, []);
});

test("a stream that ends with 4401, and a refusal that says so, stop the page", async () => {
  const { newest, statuses, live } = await streaming();
  newest().write('event: close\ndata: {"code":4401}\n\n');
  newest().end();
  await live();
  assert.deepEqual(statuses.at(-1), { kind: "stopped", reason: "signed_out" });
});

test("a stream of which nothing is heard is given up; one that only pings is kept", async () => {
  const { asked, newest, live } = await streaming();
  for (let quarter = 0; quarter < 8; quarter += 1) {
    await live(15_000);
    newest().write(": ping\n\n");
  }
  assert.equal(asked.length, 1);
  await live(60_000);
  assert.ok(asked.length > 1);
});

test("events are read however they are cut", () => {
  const text = ': ping\n\ndata: {"a":1}\n\nevent: close\ndata: {"code":4012}\n\n';
  const reader = new SseReader();
  const whole = [...text].flatMap((character) => reader.take(character));
  assert.deepEqual(whole, new SseReader().take(text));
  assert.deepEqual(whole.map(({ name }) => name), ["message", "close"]);
});
