import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprint } from "../src/models/fingerprint";
import { GRACE_MS } from "../src/models/verifying";
import { ANSWER, QUESTION, setUp, settled, startOf, until } from "./conversing";
import { accepted, chunk, done, message, page, snapshot, TURN, turn } from "./people";

test("a gap asks for what is missing from the chunk that is held", async () => {
  const { conversation, sent } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 100);
  conversation.handle(chunk(1, 0, "Good "), 50);
  sent.length = 0;
  conversation.handle(chunk(3, 9, "lost"), 50);
  assert.deepEqual(sent, [{ type: "attach", conversation: "conversation-1", turn: TURN, epoch: 1, after: 1 }]);
});

test("opening a conversation mid-answer attaches, and the snapshot fills the answer", async () => {
  const running = { ...ANSWER, turn: turn({ state: "running", cost_nano_usd: null }) };
  const { conversation, sent, shown } = setUp({ newest: page([QUESTION, running]) });
  await conversation.open("conversation-1");
  // Named, because what came of it before the page knew it was dropped.
  assert.deepEqual(sent.at(-1), { type: "attach", conversation: "conversation-1", turn: TURN });
  assert.equal(conversation.runningTurn, TURN);
  conversation.handle({ ...snapshot(4, "So far"), conversation: "conversation-1" }, 50);
  conversation.handle(chunk(5, 6, " so good"), 50);
  assert.equal(shown()[1]?.content, "So far so good");
});

test("a turn that ended while the page was away is fetched", async () => {
  const { conversation, sent, asked, shown, pages } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 100);
  conversation.handle(chunk(1, 0, "Go"), 50);
  pages["answer-1"] = page([QUESTION, { ...ANSWER, content: "Good day", turn: turn() }]);
  conversation.handle({ type: "attached", conversation: "conversation-1", turns: [] }, 50);
  await settled();
  assert.deepEqual(asked, ["answer-1"]);
  assert.equal(shown()[1]?.content, "Good day");
  assert.equal(conversation.runningTurn, null);
});

test("an answer whose fingerprint differs is fetched again, and reported once", async () => {
  const { conversation, sent, shown, pages, timers } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 10);
  conversation.handle(chunk(1, 0, "Good dy"), 10);
  pages["answer-1"] = page([QUESTION, { ...ANSWER, content: "Good day", turn: turn() }]);
  conversation.handle(done({ sha256: "0".repeat(64) }), 10);
  await until(() => timers.delays.includes(GRACE_MS));
  timers.fire();
  await until(() => shown()[1]?.content === "Good day");
  const sha256 = await fingerprint("Good dy");
  const reports = sent.filter(({ type }) => type === "report");
  assert.deepEqual(reports, [{ type: "report", turn: TURN, sha256, characters: 7 }]);
});

test("an end that overtakes the last chunks is no mismatch", async () => {
  const { conversation, sent, asked, shown, timers } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 10);
  conversation.handle(chunk(1, 0, "Good "), 10);
  conversation.handle(done({ sha256: (await fingerprint("Good day")) ?? "" }), 10);
  await until(() => timers.delays.includes(GRACE_MS));
  conversation.handle(chunk(2, 5, "day"), 10);
  timers.fire();
  for (let turns = 0; turns < 10; turns += 1) await settled();
  assert.equal(shown()[1]?.content, "Good day");
  assert.deepEqual(asked, []);
  assert.ok(!sent.some(({ type }) => type === "report"));
});

test("a report that no socket takes is told on the next one", async () => {
  const { conversation, sent, pages, timers, line } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 10);
  pages["answer-1"] = page([QUESTION, { ...ANSWER, content: "Good day", turn: turn() }]);
  conversation.handle(done({ sha256: "0".repeat(64) }), 10);
  line.isUp = false;
  await until(() => timers.delays.includes(GRACE_MS));
  timers.fire();
  await settled();
  await settled();
  line.isUp = true;
  await until(() => {
    conversation.attach();
    return sent.some(({ type }) => type === "report");
  });
});

test("many chunks after a gap ask once for what is missing", async () => {
  const { conversation, sent } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  conversation.handle(accepted(startOf(sent).id), 100);
  sent.length = 0;
  for (let seq = 3; seq < 20; seq += 1) conversation.handle(chunk(seq, 4 * seq, "late"), 50);
  assert.deepEqual(sent.map(({ type }) => type), ["attach"]);
});

test("each running turn is resumed from its own place", async () => {
  const running = turn({ state: "running", cost_nano_usd: null });
  const { conversation, sent, line } = setUp({ newest: page([QUESTION, { ...ANSWER, turn: running }]) });
  await conversation.open("conversation-1");
  conversation.handle({ ...snapshot(4, "So far"), conversation: "conversation-1" }, 50);
  const other = { ...snapshot(2, "Elsewhere"), turn: "turn-2", conversation: "conversation-1" };
  conversation.handle(other, 50);
  line.isUp = false;
  line.isUp = true;
  sent.length = 0;
  conversation.attach();
  assert.deepEqual(sent, [
    { type: "attach", conversation: "conversation-1", turn: TURN, epoch: 1, after: 4 },
    { type: "attach", conversation: "conversation-1", turn: "turn-2", epoch: 1, after: 2 },
  ]);
});

test("after a new connection the path is fetched once, as others may have written", async () => {
  const { conversation, asked } = setUp({ newest: page([QUESTION]), "question-1": page([QUESTION]) });
  await conversation.open("conversation-1");
  const attached = { type: "attached", conversation: "conversation-1", turns: [] } as const;
  conversation.handle(attached, 10);
  assert.deepEqual(asked, [null], "the page was asked for after the attach");
  conversation.attach();
  conversation.handle(attached, 10);
  await settled();
  assert.deepEqual(asked, [null, "question-1"]);
});

test("an attach that the server could not do now is tried again", async () => {
  const { conversation, sent, timers, announced } = setUp({ newest: page([QUESTION]) });
  await conversation.open("conversation-1");
  sent.length = 0;
  conversation.handle({ type: "error", code: "storage_unavailable", message: "" }, 10);
  assert.deepEqual(sent, []);
  timers.fire();
  assert.deepEqual(sent, [{ type: "attach", conversation: "conversation-1" }]);
  assert.deepEqual(announced, []);
});

test("a message that a closing server did not take stays, and is accepted by the next", async () => {
  const { conversation, sent, announced, shown } = setUp();
  await conversation.open(null);
  conversation.say("Hello", {});
  const { id } = startOf(sent);
  conversation.handle({ type: "error", id, code: "restarting", message: "" }, 1);
  assert.deepEqual(shown().map(({ content }) => content), ["Hello"]);
  assert.deepEqual(announced, []);
  conversation.handle(accepted(id), 100);
  assert.deepEqual(shown().map(({ id }) => id), ["question-1", "answer-1"]);
});

test("a page older than the end of a turn does not make it run again", async () => {
  const running = page([QUESTION, { ...ANSWER, content: "", turn: turn({ state: "running" }) }]);
  const { conversation, shown, pages } = setUp({ newest: running });
  await conversation.open("conversation-1");
  conversation.handle({ ...snapshot(1, "Good day"), conversation: "conversation-1" }, 50);
  conversation.handle(done({ sha256: (await fingerprint("Good day")) ?? "" }), 50);
  pages["answer-1"] = running;
  await conversation.refresh();
  assert.equal(conversation.runningTurn, null);
  assert.equal(shown()[1]?.content, "Good day");
});

test("a page asked for before a message was sent does not take it away", async () => {
  const { conversation, sent, shown, pages } = setUp({ newest: page([QUESTION]) });
  await conversation.open("conversation-1");
  pages["question-1"] = page([QUESTION]);
  const late = conversation.refresh();
  conversation.say("More", {});
  conversation.handle(accepted(startOf(sent).id, { user_message: "question-2", assistant_message: "answer-2" }), 10);
  pages["answer-2"] = page([
    QUESTION,
    message("question-2", { content: "More" }),
    message("answer-2", { role: "assistant", turn: turn({ state: "running" }) }),
  ]);
  await late;
  assert.deepEqual(shown().map(({ id }) => id), ["question-1", "question-2", "answer-2"]);
});

test("an end told by a page alone is announced", async () => {
  const running = page([QUESTION, { ...ANSWER, content: "", turn: turn({ state: "running" }) }]);
  const { conversation, announced, pages } = setUp({ newest: running });
  await conversation.open("conversation-1");
  pages["answer-1"] = page([QUESTION, { ...ANSWER, content: "Good day", turn: turn() }]);
  await conversation.refresh();
  assert.deepEqual(announced.map(([name]) => name), ["answered"]);
});
