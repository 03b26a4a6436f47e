import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import {
  cheaperWords,
  difference,
  estimateLine,
  estimateRows,
  estimateSentences,
  estimateWarnings,
} from "../src/models/estimate_words";
import { ToldBook } from "../src/models/told";
import { setWords } from "../src/models/words";
import { accepted, estimate, TURN, turn } from "./people";

afterEach(() => setWords({}, "en"));

const used = (prompt_tokens: number, completion_tokens: number, more = {}) => ({
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, ...more },
});

test("what was told stays with the turn, with whether the relay was asked again", () => {
  const book = new ToldBook();
  const told = estimate();
  book.sent("send-1", told);
  book.sent("send-2", null);
  book.handle(accepted("send-1"));
  book.handle(accepted("send-2", { turn: "turn-2" }));
  assert.deepEqual(book.of(TURN), { estimate: told, askedAgain: false });
  assert.equal(book.of("turn-2"), null);
  assert.equal(book.of(undefined), null);
  book.handle({ type: "notice", turn: TURN, code: "waiting", detail: "" });
  assert.equal(book.of(TURN)?.askedAgain, false);
  book.handle({ type: "notice", turn: TURN, code: "resumed", detail: "" });
  assert.equal(book.of(TURN)?.askedAgain, true);
});

test("of a message that waits, or was refused, nothing is kept", () => {
  const book = new ToldBook();
  book.sent("send-1", estimate({ waits: true }));
  book.sent("send-2", estimate());
  book.sent("send-3", estimate());
  book.sent("send-4", estimate());
  const conversation = "conversation-1";
  book.handle({ type: "queued", id: "send-2", conversation, position: 1 });
  book.handle({ type: "error", id: "send-3", code: "budget_exhausted", message: "" });
  book.handle({ type: "error", id: "send-4", code: "restarting", message: "" });
  for (const [at, id] of ["send-1", "send-2", "send-3", "send-4"].entries()) {
    book.handle(accepted(id, { turn: `turn-${at + 1}` }));
  }
  const kept = ["turn-1", "turn-2", "turn-3", "turn-4"].filter((id) => book.of(id) !== null);
  assert.deepEqual(kept, ["turn-4"]);
});

test("the line tells the range and what is left, and the rows where they come from", () => {
  assert.equal(estimateLine(estimate()), "about $0.0099 to $0.022 · $4.87 left");
  const same = estimate({ low_nano_usd: "22400000", left_nano_usd: "-5" });
  assert.equal(estimateLine(same), "about $0.022 · $0.00 left");
  assert.deepEqual(
    estimateRows(estimate()).map(({ figure }) => figure),
    ["1,200 tokens · $0.0096", "40 to 1,600 tokens", "$0.05", "$4.87"],
  );
  assert.deepEqual(estimateWarnings(estimate()), []);
  setWords({}, "vi");
  assert.equal(estimateRows(estimate())[1]?.figure, "40 to 1.600 tokens");
});

test("what stands in the way is told with the figures", () => {
  const short = estimate({ verdict: "shortened", max_tokens: 700, is_cut: true });
  assert.deepEqual(estimateWarnings(short), [
    "The budget pays for an answer of 700 tokens at most.",
    "Older messages do not fit any more and are left out.",
  ]);
  const poor = estimate({ verdict: "refused", exact: false });
  assert.match(estimateSentences(poor), /counted nearly.*too small for this message/);
  const cheaper = { model: "deepseek-v3.2", name: "DeepSeek V3.2", high_nano_usd: "1200000" };
  assert.equal(cheaperWords(estimate({ cheaper })), "Use DeepSeek V3.2 instead: $0.0012 at most");
});

test("what costs nothing, waits or is too long is told as that", () => {
  const free = { low_nano_usd: "0", high_nano_usd: "0", worst_nano_usd: "0" };
  assert.equal(estimateLine(estimate(free)), "free of charge · $4.87 left");
  const waits = estimate({ waits: true });
  assert.equal(estimateLine(waits), "$0.0099 or more · $4.87 left");
  assert.match(estimateWarnings(waits).join(), /so it costs more/);
  assert.match(estimateRows(waits)[0]?.note ?? "", /the answers before it will be added/);
  const poor = estimate({ verdict: "refused", left_nano_usd: "20000000" });
  assert.equal(estimateLine(poor), "too little left: needs $0.05 · $0.02 left");
  assert.match(estimateWarnings({ ...poor, waits: true }).join(), /As the budget stands now/);
  const long = estimate({ is_too_long: true });
  assert.equal(estimateLine(long), "too long for this model · $4.87 left");
  assert.match(estimateWarnings(long).join(), /longer context/);
});

test("a cost within the range needs no words, nor does one that nobody was told", () => {
  const told = { estimate: estimate(), askedAgain: false };
  assert.equal(difference(told, turn({ cost_nano_usd: 22_400_000, ...used(1200, 1600) })), null);
  assert.equal(difference(null, turn({ cost_nano_usd: 99_000_000, ...used(1200, 9000) })), null);
  assert.equal(difference(told, turn({ cost_nano_usd: null, ...used(1200, 9000) })), null);
  const stopped = turn({ state: "interrupted", cost_nano_usd: 9_700_000, ...used(1200, 1) });
  assert.equal(difference(told, stopped), null);
});

test("a dearer turn names the longer answer, its reasoning and the prompt", () => {
  const told = { estimate: estimate(), askedAgain: true };
  const dear = turn({ cost_nano_usd: 40_000_000, ...used(2400, 2600, { reasoning_tokens: 900 }) });
  assert.deepEqual(difference(told, dear), {
    summary: "more than the $0.0099 to $0.022 told before",
    reasons: [
      "The relay had to be asked more than once.",
      "The prompt had 2,400 tokens; 1,200 were counted.",
      "The answer has 2,600 tokens; 1,600 at most were expected.",
      "900 tokens of the answer are reasoning.",
    ],
  });
});

test("a cheaper turn names the cache, the shorter answer and the shorter prompt", () => {
  const told = { estimate: estimate({ is_cut: true }), askedAgain: true };
  const cheap = turn({ cost_nano_usd: 3_000_000, ...used(1100, 12, { cached_tokens: 1024 }) });
  assert.deepEqual(difference(told, cheap), {
    summary: "less than the $0.0099 to $0.022 told before",
    reasons: [
      "1,024 tokens of the prompt came from the relay's cache.",
      "The prompt had 1,100 tokens; 1,200 were counted.",
      "Older messages did not fit and were left out.",
      "The answer has 12 tokens; 40 at least were expected.",
    ],
  });
});

test("some tokens more in the prompt are a reason only where there is no other", () => {
  const told = { estimate: estimate(), askedAgain: false };
  const longer = turn({ cost_nano_usd: 40_000_000, ...used(1204, 2600) });
  assert.deepEqual(difference(told, longer)?.reasons, [
    "The answer has 2,600 tokens; 1,600 at most were expected.",
  ]);
  const hair = turn({ cost_nano_usd: 22_432_000, ...used(1204, 1600) });
  assert.deepEqual(difference(told, hair)?.reasons, ["The prompt had 1,204 tokens; 1,200 were counted."]);
});

test("where the counts were right it was the price, or another model", () => {
  const told = { estimate: estimate(), askedAgain: false };
  const dear = turn({ cost_nano_usd: 40_000_000, ...used(1200, 1600) });
  assert.deepEqual(difference(told, dear)?.reasons, ["The price changed in between."]);
  const other = { ...dear, model: "gpt-5" };
  assert.deepEqual(difference(told, other)?.reasons, ["Another model answered: gpt-5."]);
});
