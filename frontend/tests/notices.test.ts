/** What a person reads while an answer is on its way. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { noticeText } from "../src/models/failures";
import type { Notice } from "../src/models/protocol";

const TURN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

function said(code: Notice["code"], more: Partial<Notice> = {}): string {
  return noticeText({ type: "notice", turn: TURN, code, detail: "", ...more });
}

test("a turn in line says its place, one at the relay's limit how long it waits", () => {
  assert.match(said("waiting", { position: 3 }), /place 3\./);
  assert.match(said("waiting", { delay_seconds: 1.2 }), /in 2 s\./);
  assert.match(said("waiting"), /slow to answer/);
});

test("every other notice has its own words", () => {
  const texts = [said("retrying"), said("fallback"), said("resumed")];
  assert.equal(new Set(texts).size, 3);
  assert.ok(texts.every(Boolean));
  assert.equal(noticeText(null), "");
});
