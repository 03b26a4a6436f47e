import assert from "node:assert/strict";
import { test } from "node:test";
import { Asking, GOOD_FOR_MS, type Wish } from "../src/models/asking";
import { AGAIN_MS, Forecasting, REST_MS } from "../src/models/forecasting";
import type { EstimateView } from "../src/models/views";
import { settled } from "./conversing";
import { done, estimate, HandTimers } from "./people";

interface Question {
  wish: Wish;
  signal: AbortSignal;
  answer: (found: EstimateView | null) => void;
  refuse: (code: string) => void;
}

function setUp() {
  const timers = new HandTimers();
  const asked: Question[] = [];
  const forecasts = new Forecasting((wish, signal) => {
    return new Promise((resolve, reject) => {
      const answer = (found: EstimateView | null) => (found ? resolve(found) : reject(new Error("refused")));
      const refuse = (code: string) => reject(Object.assign(new Error(code), { code }));
      asked.push({ wish, signal, answer, refuse });
    });
  }, timers);
  const shown: (EstimateView | null)[] = [];
  forecasts.on("shown", (found) => shown.push(found));
  const type = (content: string, changes: Partial<Wish> = {}) =>
    forecasts.want({ type: "chat", conversation: null, parent: null, model: "gpt-4.1", content, ...changes });
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

test("an answer that is being written is asked about again, and another message hides the price", async () => {
  const { forecasts, timers, asked, shown } = setUp();
  const wish: Wish = { type: "edit", message: "question-1", model: "gpt-4.1", content: "Hello" };
  forecasts.want(wish, true);
  timers.fire();
  forecasts.want({ ...wish }, true);
  assert.deepEqual(timers.delays, []);
  asked[0]?.answer(estimate());
  await settled();
  forecasts.want({ ...wish }, false);
  assert.equal(forecasts.current, null);
  assert.equal(shown.length, 1);
  forecasts.want({ ...wish, message: "question-2" }, false);
  assert.equal(shown.at(-1), null);
});

test("who asks too often is asked for later, and what is shown stays meanwhile", async () => {
  const { forecasts, timers, asked, type } = setUp();
  type("Hello");
  timers.fire();
  asked[0]?.answer(estimate());
  await settled();
  type("Hello, you");
  timers.fire();
  for (let times = 1; times <= 6; times++) {
    asked[times]?.refuse("rate_limited");
    await settled();
    assert.equal(forecasts.shown === null, times === 6);
    assert.deepEqual(timers.delays, times === 6 ? [] : [AGAIN_MS]);
    timers.fire();
  }
  assert.equal(asked.length, 7);
});

function setUpAsking() {
  let now = 0;
  const asked: ((found: EstimateView) => void)[] = [];
  const asking = new Asking(
    () => new Promise((resolve) => asked.push(resolve)),
    () => now,
  );
  const wish = (content: string): Wish => ({ type: "chat", model: "gpt-4.1", content });
  const ask = (content: string, signal = new AbortController().signal) => asking.ask(wish(content), signal);
  return { asking, asked, ask, pass: (ms: number) => (now += ms) };
}

test("one price at a time is asked for, and none that is not wanted any more", async () => {
  const { asked, ask } = setUpAsking();
  const first = ask("One");
  const given_up = new AbortController();
  const second = ask("Two", given_up.signal);
  const third = ask("Three");
  await settled();
  assert.equal(asked.length, 1);
  given_up.abort();
  asked[0]?.(estimate({ prompt_tokens: 1 }));
  assert.equal((await first).prompt_tokens, 1);
  await assert.rejects(second);
  await settled();
  assert.equal(asked.length, 2);
  asked[1]?.(estimate({ prompt_tokens: 3 }));
  assert.equal((await third).prompt_tokens, 3);
});

test("the same is not asked twice, until something was spent or time has gone by", async () => {
  const { asking, asked, ask, pass } = setUpAsking();
  const told = async () => {
    const promise = ask("One");
    await settled();
    asked.at(-1)?.(estimate());
    await promise;
    return asked.length;
  };
  assert.equal(await told(), 1);
  assert.equal(await told(), 1);
  pass(GOOD_FOR_MS);
  assert.equal(await told(), 2);
  asking.handle(done());
  assert.equal(await told(), 3);
  const late = ask("Two");
  await settled();
  asking.forget();
  asked.at(-1)?.(estimate());
  await late;
  void ask("Two");
  await settled();
  assert.equal(asked.length, 5, "what was asked before the change is not kept");
});
