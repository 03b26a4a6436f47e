import assert from "node:assert/strict";
import { test } from "node:test";
import { Milestones } from "../src/models/milestones";
import { LONGEST_MS, Refreshing, SELDOM_MS, USUAL_MS, type Again } from "../src/models/refreshing";

/** Timers that a test lets pass, and a page to read that says what it is told to. */
class Reader {
  delays: number[] = [];
  reads = 0;
  answer: Again | Error = "often";
  told: boolean[] = [];
  #due: (() => void) | null = null;
  readonly refreshing = new Refreshing(
    async () => {
      this.reads += 1;
      if (this.answer instanceof Error) throw this.answer;
      return this.answer;
    },
    {
      set: (callback, delayMs) => {
        this.delays.push(delayMs);
        this.#due = callback;
        return callback;
      },
      clear: () => (this.#due = null),
    },
    (failing) => this.told.push(failing),
  );

  get waits(): boolean {
    return this.#due !== null;
  }

  async pass(): Promise<void> {
    const due = this.#due;
    this.#due = null;
    due?.();
    await settled();
  }

  async wake(): Promise<void> {
    this.refreshing.wake();
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a page is read at once and then again and again, until nothing goes on", async () => {
  const reader = new Reader();
  await reader.wake();
  await reader.pass();
  assert.equal(reader.reads, 2);
  assert.deepEqual(reader.delays, [USUAL_MS, USUAL_MS]);
  reader.answer = "seldom";
  await reader.pass();
  assert.equal(reader.delays.at(-1), SELDOM_MS);
  reader.answer = "never";
  await reader.pass();
  assert.equal(reader.waits, false);
  await reader.wake();
  assert.equal(reader.reads, 4);
});

test("a hidden page is not read, and at once when it is seen again", async () => {
  const reader = new Reader();
  await reader.wake();
  reader.refreshing.rest();
  assert.equal(reader.waits, false);
  await reader.wake();
  assert.equal(reader.reads, 2);
  await reader.wake();
  assert.equal(reader.reads, 2);
});

test("what cannot be read is asked for ever more seldom, and said after the second time", async () => {
  const reader = new Reader();
  reader.answer = new Error("gone");
  await reader.wake();
  assert.deepEqual(reader.told, []);
  for (let time = 0; time < 9; time += 1) await reader.pass();
  assert.deepEqual(reader.delays.slice(0, 3), [2 * USUAL_MS, 4 * USUAL_MS, 8 * USUAL_MS]);
  assert.equal(reader.delays.at(-1), LONGEST_MS);
  assert.deepEqual(reader.told, [true]);
  reader.answer = "often";
  await reader.pass();
  assert.deepEqual(reader.told, [true, false]);
  assert.equal(reader.delays.at(-1), USUAL_MS);
});

test("only each quarter and each change of the state is worth being spoken", () => {
  const milestones = new Milestones({ state: "running", done: 0, total: 10 });
  const spoken = [1, 2, 3, 4, 5, 6, 7, 8].filter((done) => milestones.reached({ state: "running", done, total: 10 }));
  assert.deepEqual(spoken, [3, 5, 8]);
  assert.equal(milestones.reached({ state: "stopped", done: 8, total: 10 }), true);
  assert.equal(milestones.reached({ state: "stopped", done: 8, total: 10 }), false);
  assert.equal(milestones.reached({ state: "finished", done: 10, total: 10 }), true);
  assert.equal(new Milestones({ state: "finished", done: 0, total: 0 }).reached({ state: "finished", done: 0, total: 0 }), false);
});
