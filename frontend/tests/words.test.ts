import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { ending, refusal } from "../src/models/failures";
import { money, quality, seconds, tokens } from "../src/models/format";
import { countWords, currentLanguage, setWords, t, tn } from "../src/models/words";
import { turn } from "./people";

afterEach(() => setWords({}, "en"));

test("a text without translation is the English text", () => {
  setWords({ Send: "Gửi", Empty: "" }, "vi");
  assert.equal(t("Send"), "Gửi");
  assert.equal(t("Stop"), "Stop");
  assert.equal(t("Empty"), "Empty");
});

test("values are put in, also such as look like names", () => {
  assert.equal(t("{name} owes {amount}", { name: "{amount}", amount: "$1" }), "{amount} owes $1");
  assert.equal(t("{missing} stays"), "{missing} stays");
});

test("numbers are counted as the language does", () => {
  assert.equal(tokens(1), "1 token");
  assert.equal(tokens(1234), "1,234 tokens");
  setWords({ "{count} token": "{count} token (vi)" }, "vi");
  assert.equal(tokens(1234), "1.234 token (vi)");
  setWords({ "{count} tokens": "{count} 个令牌" }, "zh-hans");
  assert.equal(tn("{count} token", "{count} tokens", 1), "1 个令牌");
  assert.equal(currentLanguage(), "zh-Hans");
});

test("money shows two digits that count", () => {
  assert.equal(money(0), "$0.00");
  assert.equal(money(834_000), "$0.00083");
  assert.equal(money(12_300_000), "$0.012");
  assert.equal(money(1_250_000_000), "$1.25");
  assert.equal(money(12_000_000_000_000), "$12,000.00");
  assert.equal(money(1), "$0.000000001");
  assert.equal(money(999_999_999), "$1.00");
});

test("seconds have a decimal below ten", () => {
  assert.equal(seconds(1234), "1.2 s");
  assert.equal(seconds(12_340), "12 s");
  assert.equal(quality("reported"), "reported");
});

test("words are counted in Chinese too", () => {
  assert.equal(countWords("Xin chào các bạn."), 4);
  setWords({}, "zh-hans");
  assert.ok(countWords("电车到站了") >= 3);
  assert.equal(countWords(""), 0);
});

test("a stopped answer says what it cost and how sure that is", () => {
  const end = ending(turn({ state: "interrupted", cost_nano_usd: 300_000, quality: "estimated" }), true);
  assert.deepEqual(end, { text: "stopped · $0.0003 estimated", tone: "quiet", offer: "continue" });
});

test("an answer stopped before anything was sent says that nothing was charged", () => {
  const unsent = turn({ state: "interrupted", cost_nano_usd: 0, quality: "estimated", usage: null });
  assert.equal(ending(unsent, false)?.text, "stopped · nothing charged");
  const usage = { prompt_tokens: 7, completion_tokens: 0, total_tokens: 7 };
  const free = turn({ state: "interrupted", cost_nano_usd: 0, quality: "estimated", usage });
  assert.equal(ending(free, false)?.text, "stopped · $0.00 estimated");
});

test("a failure before the first word costs nothing and offers another try", () => {
  const error = { code: "relay_unavailable", message: "x" };
  const end = ending(turn({ state: "failed", error, cost_nano_usd: 0 }), false);
  assert.deepEqual(end, { text: "The relay did not answer. Nothing was charged.", tone: "fault", offer: "retry" });
});

test("a cut answer offers to go on", () => {
  const error = { code: "relay_stream_broken", message: "x" };
  const end = ending(turn({ state: "failed", error, cost_nano_usd: 300_000 }), true);
  assert.equal(end?.offer, "continue");
  assert.equal(end?.text, "The connection to the model was lost. It cost $0.0003 estimated.");
  assert.equal(ending(turn({ finish_reason: "length" }), true)?.offer, "continue");
});

test("a completed answer has nothing to add", () => {
  assert.equal(ending(turn(), true), null);
  assert.equal(ending(turn({ state: "running" }), false), null);
});

test("a refusal for money says what is left and what was needed", () => {
  const detail = { remaining_nano_usd: 1_000_000, needed_nano_usd: 20_000_000 };
  const words = refusal({ code: "budget_exhausted", message: "x", detail });
  assert.match(words, /\$0\.001 left/);
  assert.match(words, /\$0\.02/);
});

test("a refusal for money names the limit and the day when it starts afresh", () => {
  const figures = { remaining_nano_usd: 1_000_000, needed_nano_usd: 20_000_000 };
  const told = (more: object) => refusal({ code: "budget_exhausted", message: "x", detail: { ...figures, ...more } });
  assert.equal(
    told({ scope: "person", period: "month", starts_afresh: "2026-12-01" }),
    "Your limit has $0.001 left and this may cost $0.02. It starts afresh on December 1.",
  );
  assert.match(told({ scope: "conversation", period: "none", starts_afresh: null }), /^This conversation's .* \$0\.02\.$/);
  assert.match(told({ scope: "credit", starts_afresh: null }), /^The budget has .* raise it\.$/);
});

test("a model that nobody offers is refused with the names that come near", () => {
  const detail = { model: "gtp-4.1", near_matches: ["gpt-4.1", "gpt-4.1-mini"] };
  assert.match(refusal({ code: "model_unknown", message: "x", detail }), /gpt-4\.1 or gpt-4\.1-mini\.$/);
  assert.match(refusal({ code: "model_unknown", message: "x" }), /Choose another one\.$/);
});

test("a code that is not known here shows the server's sentence", () => {
  assert.equal(refusal({ code: "new_code", message: "The moon is full." }), "The moon is full.");
  assert.notEqual(refusal({ code: "new_code", message: "" }), "");
});
