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
import { Forecasting, REST_MS, type Wish } from "../src/models/forecasting";
import type { EstimateView } from "../src/models/views";
import { setWords } from "../src/models/words";
import { settled } from "./conversing";
import { accepted, HandTimers, TURN, turn } from "./people";

afterEach(() => setWords({}, "en"));

function estimate(changes: Partial<EstimateView> = {}): EstimateView {
  return {
    model: "gpt-4.1",
    prompt_tokens: 1200,
    exact: true,
    is_cut: false,
    prompt_nano_usd: "9600000",
    answer: { low_tokens: 40, typical_tokens: 300, high_tokens: 1600, whose: "team", turns: 143 },
    low_nano_usd: "9920000",
    high_nano_usd: "22400000",
    worst_nano_usd: "50000000",
    left_nano_usd: "4870000000",
    left_of: "The credit of Demo",
    verdict: "fits",
    max_tokens: 2048,
    cheaper: null,
    ...changes,
  };
}

const used = (prompt_tokens: number, completion_tokens: number, more = {}) => ({
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, ...more },
});

function setUp() {
  const timers = new HandTimers();
  const asked: { wish: Wish; signal: AbortSignal; answer: (found: EstimateView | null) => void }[] = [];
  const forecasts = new Forecasting((wish, signal) => {
    return new Promise((resolve, reject) => {
      const answer = (found: EstimateView | null) => (found ? resolve(found) : reject(new Error("refused")));
      asked.push({ wish, signal, answer });
    });
  }, timers);
  const shown: (EstimateView | null)[] = [];
  forecasts.on("shown", (found) => shown.push(found));
  const type = (content: string, changes: Partial<Wish> = {}) =>
    forecasts.want({ conversation: null, parent: null, model: "gpt-4.1", content, answering: false, ...changes });
  return { forecasts, timers, asked, shown, type };
}

test("a price is asked for once typing rests, and once for each text", async () => {
  const { forecasts, timers, asked, shown, type } = setUp();
  type("H");
  type("Hello");
  type("Hello");
  assert.deepEqual(timers.delays, [REST_MS]);
  timers.fire();
  assert.deepEqual(asked.map(({ wish }) => wish.content), ["Hello"]);
  const told = estimate();
  asked[0]?.answer(told);
  await settled();
  assert.deepEqual(shown, [told]);
  assert.equal(forecasts.current, told);
});

test("typing on cancels what was asked, and a late answer is not shown", async () => {
  const { forecasts, timers, asked, shown, type } = setUp();
  type("Hello");
  timers.fire();
  type("Hello, you");
  assert.equal(asked[0]?.signal.aborted, true);
  asked[0]?.answer(estimate());
  await settled();
  assert.deepEqual(shown, []);
  assert.equal(forecasts.current, null);
});

test("while typing goes on the last price stays, but is not that of the text", async () => {
  const { forecasts, timers, asked, shown, type } = setUp();
  type("Hello");
  timers.fire();
  asked[0]?.answer(estimate());
  await settled();
  type("Hello, you");
  assert.equal(shown.length, 1);
  assert.equal(forecasts.current, null);
  type("Hello, you", { model: "claude-sonnet-4.5" });
  assert.equal(shown.at(-1), null);
});

test("an empty text and a refusal hide it", async () => {
  const { forecasts, timers, asked, type } = setUp();
  type("Hello");
  timers.fire();
  asked[0]?.answer(estimate());
  await settled();
  forecasts.want(null);
  assert.equal(forecasts.shown, null);
  assert.deepEqual(timers.delays, []);
  type("Hello");
  timers.fire();
  asked[1]?.answer(null);
  await settled();
  assert.equal(forecasts.shown, null);
});

test("what was told stays with the turn, with whether the relay was asked again", () => {
  const { forecasts } = setUp();
  const told = estimate();
  forecasts.sent("send-1", told);
  forecasts.sent("send-2", null);
  forecasts.handle(accepted("send-1"));
  forecasts.handle(accepted("send-2", { turn: "turn-2" }));
  assert.deepEqual(forecasts.told(TURN), { estimate: told, askedAgain: false });
  assert.equal(forecasts.told("turn-2"), null);
  assert.equal(forecasts.told(undefined), null);
  forecasts.handle({ type: "notice", turn: TURN, code: "waiting", detail: "" });
  assert.equal(forecasts.told(TURN)?.askedAgain, false);
  forecasts.handle({ type: "notice", turn: TURN, code: "resumed", detail: "" });
  assert.equal(forecasts.told(TURN)?.askedAgain, true);
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
