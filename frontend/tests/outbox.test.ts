import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../src/models/outbox";
import type { Chat } from "../src/models/protocol";
import { setUp, startOf } from "./conversing";

const CHAT: Chat = { type: "chat", id: "sent", conversation: null, content: "Hello" };

class Shelf {
  readonly kept = new Map<string, string>();
  getItem = (key: string) => this.kept.get(key) ?? null;
  setItem = (key: string, value: string) => void this.kept.set(key, value);
  removeItem = (key: string) => void this.kept.delete(key);
}

test("a text that is not answered outlives the page, for its person alone, until it is answered", () => {
  const shelf = new Shelf();
  new Outbox(shelf, 1).keep(CHAT, "here");
  const later = new Outbox(shelf, 1);
  assert.deepEqual(later.all(), [{ command: CHAT, conversation: "here" }]);
  assert.deepEqual(new Outbox(shelf, 2).all(), []);
  assert.equal(later.take("sent")?.conversation, "here");
  assert.equal(later.take("sent"), undefined);
  assert.equal(shelf.kept.size, 0);
});

test("what has no text is not kept, and a spoilt or absent storage loses nothing else", () => {
  const shelf = new Shelf();
  const outbox = new Outbox(shelf, 1);
  outbox.keep({ type: "regenerate", id: "again", message: "answer" }, "here");
  assert.deepEqual(outbox.all(), []);
  shelf.setItem("tram:outbox:1", "{spoilt");
  assert.deepEqual(outbox.all(), []);
  const absent = () => {
    throw new Error("forbidden");
  };
  const forbidden = new Outbox({ getItem: absent, setItem: absent, removeItem: absent }, 1);
  forbidden.keep(CHAT, null);
  assert.deepEqual(forbidden.all(), []);
});

test("a first message sent before a reload begins its conversation, and a refused one gives its text back", () => {
  const { conversation, announced, shown, sent } = setUp();
  conversation.resume(CHAT);
  assert.ok(conversation.awaits("sent"));
  assert.deepEqual(shown().map(({ content }) => content), ["Hello"]);
  assert.equal(startOf(sent), undefined);
  const fault = { type: "error", code: "budget_exhausted", message: "", id: "sent" } as const;
  conversation.handle(fault, 0);
  assert.deepEqual(announced, [["refused", { text: "Hello", fault }]]);
  assert.deepEqual(shown(), []);
  assert.ok(!conversation.awaits("sent"));
});
