import assert from "node:assert/strict";
import { test } from "node:test";
import { countCharacters, tooLong } from "../src/models/composing";
import { Drafts, putBack } from "../src/models/drafts";
import { refusal } from "../src/models/failures";
import { contextSize } from "../src/models/format";
import { type KeyPress, sends, shortcut } from "../src/models/keys";
import { chooseModel, modelOf, modelsToShow, plain, searchModels } from "../src/models/model_choice";
import type { ModelList, ModelView } from "../src/models/views";

const LIMITS = { max_message_characters: 200_000, max_frame_bytes: 262_144 };

function press(changes: Partial<KeyPress>): KeyPress {
  const none = { shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };
  return { key: "Enter", keyCode: 13, isComposing: false, ...none, ...changes };
}

function model(id: string, changes: Partial<ModelView> = {}): ModelView {
  const can = { context_tokens: null, vision: null, reasoning: null };
  const rest = { available: true, reason: null, price: null, saving_percent: null, scripted: false, hidden: false };
  return { id, name: id, ...rest, ...can, ...changes };
}

test("Enter sends, Shift+Enter makes a line", () => {
  assert.equal(sends(press({})), true);
  assert.equal(sends(press({ shiftKey: true })), false);
  assert.equal(sends(press({ key: "a" })), false);
});

test("Enter never sends while a word is being composed, in any browser", () => {
  assert.equal(sends(press({ isComposing: true })), false);
  assert.equal(sends(press({ keyCode: 229 })), false);
});

test("shortcuts work with Control and with Command, and ? only outside of fields", () => {
  assert.equal(shortcut(press({ key: "k", ctrlKey: true }), true), "search");
  assert.equal(shortcut(press({ key: "k", metaKey: true }), true), "search");
  assert.equal(shortcut(press({ key: "O", ctrlKey: true, shiftKey: true }), true), "new");
  assert.equal(shortcut(press({ key: "Escape" }), true), "stop");
  assert.equal(shortcut(press({ key: "?", shiftKey: true }), false), "help");
  assert.equal(shortcut(press({ key: "?", shiftKey: true }), true), null);
  assert.equal(shortcut(press({ key: "Escape", isComposing: true }), true), null);
});

test("200,000 characters may be sent and one more may not", () => {
  assert.equal(tooLong("a".repeat(200_000), LIMITS), null);
  assert.match(tooLong("a".repeat(200_001), LIMITS) ?? "", /200,001.*200,000/);
});

test("a character beyond the basic plane is one character", () => {
  assert.equal(countCharacters("a🚋电"), 3);
  const limits = { max_message_characters: 3, max_frame_bytes: 262_144 };
  assert.equal(tooLong("🚋🚋🚋", limits), null);
  assert.notEqual(tooLong("🚋🚋🚋🚋", limits), null);
});

test("a text that fits in characters but not in a frame is refused too", () => {
  assert.match(tooLong("电".repeat(100_000), LIMITS) ?? "", /bytes/);
});

test("a refused text comes back before what was typed since, and only once", () => {
  assert.equal(putBack("refused", ""), "refused");
  assert.equal(putBack("refused", "typed"), "refused\n\ntyped");
  assert.equal(putBack("same", "same"), "same");
});

test("drafts are kept for each conversation, and a full storage is no fault", () => {
  const kept = new Map<string, string>();
  const drafts = new Drafts({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  });
  drafts.keepText(null, "new one");
  drafts.keepText("c", "other");
  assert.equal(drafts.text(null), "new one");
  assert.equal(drafts.text("c"), "other");
  drafts.keepText("c", "");
  assert.equal(drafts.text("c"), "");
  const refuse = () => {
    throw new Error("quota");
  };
  const full = new Drafts({ getItem: refuse, setItem: refuse, removeItem: refuse });
  full.keepText("c", "x");
  assert.equal(full.text("c"), "");
});

test("models are found without accents and in any order of words, available ones first", () => {
  const models = [model("gone", { name: "Đa ngữ", available: false }), model("gpt-4.1"), model("gpt-4", { name: "Đà Nẵng" })];
  assert.equal(plain("Tiếng Việt Đ"), "tieng viet d");
  assert.deepEqual(searchModels(models, "4 gpt").map(({ id }) => id), ["gpt-4.1", "gpt-4"]);
  assert.deepEqual(searchModels(models, "da").map(({ id }) => id), ["gpt-4", "gone"]);
});

test("a conversation keeps its model, also when that is not offered any more", () => {
  const gone = model("c", { available: false });
  const list: ModelList = { default: "a", items: [model("a"), model("b"), gone] };
  assert.equal(chooseModel(list, "b", "a"), "b");
  assert.equal(chooseModel(list, "c", "b"), "b");
  assert.equal(chooseModel(list, null, "c"), "c");
  assert.equal(chooseModel(list, "b", "c"), "b");
  assert.equal(chooseModel(list, null, null), "a");
  assert.equal(chooseModel({ ...list, default: "c" }, "c", null), "a");
  assert.equal(chooseModel({ default: "x", items: [] }, null, null), "x");
});

test("a hidden model is there in its own conversations only", () => {
  const hidden = model("h", { hidden: true });
  const list: ModelList = { default: "a", items: [hidden, model("a")] };
  assert.equal(chooseModel(list, "h", null), "a");
  assert.equal(chooseModel(list, null, "h"), "h");
  assert.deepEqual(modelsToShow(list, model("a")).map(({ id }) => id), ["a"]);
  assert.deepEqual(modelsToShow(list, hidden).map(({ id }) => id), ["h", "a"]);
});

test("a model that nobody lists any more is named where it is in use", () => {
  const list: ModelList = { default: "a", items: [model("a")] };
  const gone = modelOf(list, "old");
  assert.equal(gone?.available, false);
  assert.equal(gone?.reason, "No relay offers it now.");
  assert.deepEqual(modelsToShow(list, gone).map(({ id }) => id), ["a", "old"]);
  assert.equal(modelOf(list, ""), null);
  assert.deepEqual(modelsToShow(null, null), []);
});

test("only models that can be chosen are proposed instead of an unknown one", () => {
  const fault = { code: "model_unknown", message: "", detail: { near_matches: ["a", "b"] } } as const;
  assert.match(refusal(fault), /such as a or b\.$/);
  assert.match(refusal(fault, new Set(["b"])), /such as b\.$/);
  assert.equal(refusal(fault, new Set()), "No relay offers this model now. Choose another one.");
  const forbidden = { code: "model_not_allowed", message: "", detail: { reason: "forbidden" } } as const;
  assert.match(refusal(forbidden), /Administrators/);
});

test("the size of a context is written as makers of models write it", () => {
  const sizes: [number, string][] = [
    [512, "512"],
    [4096, "4 K"],
    [4097, "4.1 K"],
    [8192, "8 K"],
    [128_000, "128 K"],
    [131_072, "128 K"],
    [200_000, "200 K"],
    [999_424, "976 K"],
    [1_047_576, "1 M"],
    [1_048_576, "1 M"],
    [2_000_000, "2 M"],
  ];
  for (const [count, shown] of sizes) assert.equal(contextSize(count), shown);
});
