import assert from "node:assert/strict";
import { test } from "node:test";
import { ConversationList } from "../src/models/conversation_list";
import { branchOf, Path, siblingAt } from "../src/models/path";
import { conversation, message, page } from "./people";

const messages = (...ids: string[]) => ids.map((id) => message(id));

test("an older page goes before, without repeats", () => {
  const path = new Path();
  path.show(page(messages("c", "d"), true));
  const fresh = path.prepend(page(messages("a", "b", "c"), false));
  assert.deepEqual(fresh.map(({ id }) => id), ["a", "b"]);
  assert.deepEqual(path.messages.map(({ id }) => id), ["a", "b", "c", "d"]);
  assert.equal(path.hasMore, false);
});

test("fetching the newest page again keeps older messages that it joins", () => {
  const path = new Path();
  path.show(page(messages("c", "d"), true));
  path.prepend(page(messages("a", "b"), false));
  path.refresh(page(messages("c", "x"), true));
  assert.deepEqual(path.messages.map(({ id }) => id), ["a", "b", "c", "x"]);
  assert.equal(path.hasMore, false);
});

test("a page of quite another branch replaces all", () => {
  const path = new Path();
  path.show(page(messages("a", "b"), false));
  path.refresh(page(messages("y", "z"), true));
  assert.deepEqual(path.messages.map(({ id }) => id), ["y", "z"]);
  assert.equal(path.hasMore, true);
});

test("branches are counted from one, and only where there are several", () => {
  const second = message("b", { siblings: ["a", "b", "c"] });
  assert.deepEqual(branchOf(second), { position: 2, count: 3 });
  assert.equal(branchOf(message("a")), null);
  assert.equal(siblingAt(second, -1), "a");
  assert.equal(siblingAt(second, 1), "c");
  assert.equal(siblingAt(message("c", { siblings: ["a", "b", "c"] }), 1), null);
});

test("conversations are grouped by the person's own days", () => {
  const list = new ConversationList();
  const now = new Date(2026, 10, 21, 0, 30);
  const at = (...parts: [number, number, number, number]) => new Date(...parts).toISOString();
  list.add([
    conversation("old", { updated_at: at(2026, 8, 1, 12) }),
    conversation("just now", { updated_at: at(2026, 10, 21, 0) }),
    conversation("last evening", { updated_at: at(2026, 10, 20, 23) }),
    conversation("six days", { updated_at: at(2026, 10, 15, 12) }),
    conversation("pinned", { updated_at: at(2026, 8, 1, 12), pinned: true }),
    conversation("archived", { updated_at: at(2026, 10, 21, 0), pinned: true, archived: true }),
  ]);
  const groups = list.groups(now).map(({ name, items }) => [name, ...items.map(({ id }) => id)]);
  assert.deepEqual(groups, [
    ["pinned", "pinned"],
    ["today", "just now"],
    ["yesterday", "last evening"],
    ["week", "six days"],
    ["older", "old"],
    ["archived", "archived"],
  ]);
});

test("a removed conversation can be put back where it was", () => {
  const list = new ConversationList();
  list.add([
    conversation("a", { updated_at: "2026-11-21T04:00:00Z" }),
    conversation("b", { updated_at: "2026-11-21T03:00:00Z" }),
  ]);
  const removed = list.remove("a");
  assert.equal(list.size, 1);
  if (removed !== undefined) list.add([removed]);
  const ids = list.groups(new Date("2026-11-21T05:00:00Z")).flatMap(({ items }) => items.map(({ id }) => id));
  assert.deepEqual(ids, ["a", "b"]);
});
