/** What a person reads while an answer is on its way. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ending, noticeText, refusal, sentences } from "../src/models/failures";
import { moment } from "../src/models/format";
import type { Notice } from "../src/models/protocol";
import { turn } from "./people";

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

function refused(limit: string, more: object = {}): string {
  const detail = { limit, maximum: 20, ...more };
  return refusal({ code: "rate_limited", message: "", detail, retry_after_seconds: 11.2 });
}

test("a refused send names the limit and when to send again", () => {
  const limits = ["person_requests", "person_tokens", "team_requests", "team_tokens"];
  const texts = limits.map((limit) => refused(limit));
  assert.equal(new Set(texts).size, 4);
  assert.ok(texts.every((text) => /20/.test(text) && /in 12 s\./.test(text)));
  assert.match(refused("frames"), /faster than the limit\. Wait 12 s/);
});

test("a team that has all its answers running is told how many those are", () => {
  const detail = { limit: "team_turns", limit_turns: 3 };
  assert.match(refusal({ code: "too_many_turns", message: "", detail }), /may have 3 answers/);
  assert.match(refusal({ code: "too_many_turns", message: "" }), /Too many answers/);
});

test("a relay that says when it may be asked again is quoted, to the minute", () => {
  const error = { code: "relay_rate_limited", message: "", retry_at: "2026-11-21T10:00:30Z" };
  const told = ending(turn({ state: "failed", error, cost_nano_usd: 0 }), false)?.text ?? "";
  assert.ok(told.includes(`Try again after ${moment("2026-11-21T10:01:00Z")}.`), told);
  const silent = ending(turn({ state: "failed", error: { ...error, retry_at: null }, cost_nano_usd: 0 }), false);
  assert.match(silent?.text ?? "", /later/);
});

test("sentences stand apart by a space, but not in Chinese", () => {
  assert.equal(sentences("It broke.", "It cost nothing."), "It broke. It cost nothing.");
  assert.equal(sentences("中转站没有响应。", "未产生费用。"), "中转站没有响应。未产生费用。");
});
