import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorEvent, WaitingMessage } from "../src/models/protocol";
import { refusedText, WaitingLine } from "../src/models/waiting_line";

const ALICE = { id: 1, name: "Alice" };
const BOB = { id: 2, name: "Bob" };
const HERE = "conversation-1";

function waiting(id: string, person = BOB): WaitingMessage {
  return { id, person, content: id, created_at: "2026-11-21T04:00:00Z" };
}

function refusal(changes: Partial<ErrorEvent> = {}): ErrorEvent {
  return { type: "error", code: "not_found", message: "", id: "mine", ...changes };
}

function setUp() {
  const positions: (number | null)[] = [];
  const line = new WaitingLine(ALICE, (position) => positions.push(position));
  const ids = () => line.messages.map(({ id }) => id);
  const queue = (...messages: WaitingMessage[]) =>
    line.handle({ type: "queue", conversation: HERE, waiting: messages }, HERE);
  return { line, positions, ids, queue };
}

test("one's own message is in line at once, and where the server puts it afterwards", () => {
  const { line, ids, positions, queue } = setUp();
  line.add("mine", "Hello");
  assert.deepEqual(ids(), ["mine"]);
  queue(waiting("bobs"));
  assert.deepEqual(ids(), ["bobs", "mine"]);
  line.handle({ type: "queued", id: "mine", conversation: HERE, position: 2 }, HERE);
  queue(waiting("mine", ALICE), waiting("bobs"));
  assert.deepEqual(ids(), ["mine", "bobs"]);
  assert.ok(positions.includes(2));
});

test("the line of another conversation changes nothing here", () => {
  const { line, ids } = setUp();
  line.handle({ type: "queue", conversation: "another", waiting: [waiting("bobs")] }, HERE);
  assert.deepEqual(ids(), []);
});

test("a message that left the line while the page was away is shown no more", () => {
  const { line, ids, queue } = setUp();
  line.add("mine", "Hello");
  line.handle({ type: "queued", id: "mine", conversation: HERE, position: 1 }, HERE);
  queue();
  assert.deepEqual(ids(), []);
});

test("a message that is answered or refused leaves with its text, once", () => {
  const { line, ids, queue } = setUp();
  queue(waiting("mine", ALICE), waiting("bobs"));
  assert.equal(line.take("mine"), "mine");
  assert.equal(line.take("mine"), null);
  assert.deepEqual(ids(), ["bobs"]);
});

test("a withdrawal that came too late is no refusal", () => {
  const { line } = setUp();
  assert.equal(line.tooLate(refusal()), false);
  line.withdraw("mine");
  assert.equal(line.tooLate(refusal({ code: "budget_exhausted" })), false);
  assert.equal(line.tooLate(refusal()), true);
});

test("a refusal says which text goes back to which conversation", () => {
  assert.equal(refusedText(refusal()), null);
  const detail = { conversation: HERE, content: "Hello" };
  assert.deepEqual(refusedText(refusal({ detail })), detail);
});

test("a refused message is shown to its person alone, with news of it once", () => {
  const news: (string | null)[] = [];
  const line = new WaitingLine(ALICE, (_position, refused) => news.push(refused?.id ?? null));
  const refused = { code: "budget_exhausted", message: "" } as const;
  const event = { type: "queue", conversation: HERE } as const;
  const waits = [{ ...waiting("mine", ALICE), refused }, { ...waiting("bobs"), refused }, waiting("next")];
  for (let times = 0; times < 2; times += 1) line.handle({ ...event, waiting: waits }, HERE);
  assert.deepEqual(line.messages.map(({ id }) => id), ["mine", "next"]);
  assert.deepEqual(news, ["mine", null]);
});
