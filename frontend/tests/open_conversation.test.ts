import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWER, QUESTION, setUp, settled, startOf } from "./conversing";
import { accepted, chunk, done, message, page, TURN, turn } from "./people";

test("a message is shown at once and gets its real id when accepted", async () => {
  const { conversation, sent, announced, shown } = setUp();
  await conversation.open(null);
  conversation.say("Hello", { model: "gpt-4.1" });
  assert.deepEqual(shown().map(({ content }) => content), ["Hello"]);
  assert.equal(conversation.busy, true);
  conversation.handle(accepted(startOf(sent).id), 100);
  assert.deepEqual(shown().map(({ id }) => id), ["question-1", "answer-1"]);
  assert.deepEqual(announced.map(([name]) => name), ["answering", "begun"]);
  assert.equal(conversation.runningTurn, TURN);
});

test("a refused message leaves the thread and its text comes back", async () => {
  const { conversation, sent, announced, shown } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle({ type: "error", id: startOf(sent).id, code: "budget_exhausted", message: "no" }, 1);
  assert.deepEqual(shown(), []);
  const [name, detail] = announced[0] ?? [];
  assert.equal(name, "refused");
  assert.equal((detail as { text: string }).text, "Hello");
  assert.equal(conversation.busy, false);
});

test("an answer streams into the thread and keeps its end", async () => {
  const { conversation, sent, announced, shown } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 100);
  conversation.handle(chunk(1, 0, "Good "), 50);
  conversation.handle(chunk(2, 5, "day"), 50);
  assert.equal(shown()[1]?.content, "Good day");
  conversation.handle(done(), 100);
  assert.equal(shown()[1]?.content, "Good day");
  assert.equal(shown()[1]?.turn?.cost_nano_usd, 800_000);
  assert.equal(conversation.runningTurn, null);
  assert.equal(announced.at(-1)?.[0], "answered");
});

test("what another tab asks appears here, once", async () => {
  const first = page([QUESTION, { ...ANSWER, turn: turn() }]);
  const question = message("question-2", { parent: "answer-1" });
  const answer = message("answer-2", { role: "assistant", parent: "question-2", turn: turn({ id: "turn-2", state: "running" }) });
  const { conversation, asked, shown, pages } = setUp({ newest: first });
  await conversation.open("conversation-1");
  pages["answer-2"] = page([...first.items, question, answer]);
  const change = { type: "conversation", conversation: "conversation-1", change: "message", assistant_message: "answer-2" } as const;
  conversation.handle(change, 10);
  await settled();
  conversation.handle(change, 10);
  await settled();
  assert.deepEqual(asked, [null, "answer-2"]);
  assert.equal(shown().length, 4);
});

test("somebody writing on another branch does not pull the reader away", async () => {
  const { conversation, shown, pages } = setUp({ newest: page([QUESTION, { ...ANSWER, turn: turn() }]) });
  await conversation.open("conversation-1");
  const elsewhere = [message("question-9"), message("answer-9", { role: "assistant" })];
  pages["answer-9"] = page(elsewhere);
  conversation.handle({ type: "conversation", conversation: "conversation-1", change: "message", assistant_message: "answer-9" }, 10);
  await settled();
  assert.deepEqual(shown().map(({ id }) => id), ["question-1", "answer-1"]);
});

test("answering again shows the new sibling", async () => {
  const { conversation, sent, shown, pages } = setUp({ newest: page([QUESTION, { ...ANSWER, turn: turn() }]) });
  await conversation.open("conversation-1");
  conversation.ask({ type: "regenerate", message: "answer-1", model: "m" });
  const start = startOf(sent);
  assert.equal(start.type, "regenerate");
  const siblings = ["answer-1", "answer-2"];
  const second = message("answer-2", { role: "assistant", siblings, turn: turn({ id: "turn-2", state: "running" }) });
  pages["answer-2"] = page([QUESTION, second]);
  conversation.handle(accepted(start.id, { assistant_message: "answer-2", turn: "turn-2" }), 10);
  await settled();
  assert.deepEqual(shown().map(({ id }) => id), ["question-1", "answer-2"]);
  assert.equal(conversation.runningTurn, "turn-2");
});

test("frames of a conversation that was left change nothing", async () => {
  const { conversation, sent, shown } = setUp({ newest: page([]) });
  await conversation.open("conversation-1");
  await conversation.open(null);
  assert.ok(sent.some((command) => command.type === "detach"));
  conversation.handle(chunk(1, 0, "late"), 10);
  conversation.handle(done(), 10);
  assert.deepEqual(shown(), []);
});

test("a conversation that is not there is said to be missing", async () => {
  const { conversation, announced } = setUp();
  await conversation.open("conversation-2");
  assert.equal(announced.at(-1)?.[0], "missing");
});

test("stopping names the running turn, and nothing when none runs", async () => {
  const { conversation, sent } = setUp();
  await conversation.open(null);
  conversation.stop();
  assert.deepEqual(sent, []);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 10);
  conversation.stop();
  assert.deepEqual(sent.at(-1), { type: "interrupt", turn: TURN });
});

test("a stop asked for while the socket is away is sent when it is back", async () => {
  const { conversation, sent, line } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 10);
  line.isUp = false;
  conversation.stop();
  line.isUp = true;
  conversation.attach();
  assert.deepEqual(sent.at(-1), { type: "interrupt", turn: TURN });
  sent.length = 0;
  conversation.attach();
  assert.deepEqual(sent.map(({ type }) => type), ["attach"]);
});
