import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../src/api";
import { Connection } from "../src/models/connection";
import { OpenConversation } from "../src/models/open_conversation";
import { ClockTimers } from "./people";
import { StreamSocket } from "../src/models/stream_socket";
import { ServerModel } from "./server_model";
import { CONVERSATION, type Random } from "./site_model";
import { postTo } from "./stream_model";

const ALICE = { id: 1, name: "Alice" };
const CODES = [1006, 1006, 1006, 1001, 4408, 4012];

/** A page with its connection to the model. */
class ModelPage {
  readonly conversation: OpenConversation;
  readonly connection: Connection;
  readonly #longest = new Map<string, number>();

  constructor(server: ServerModel, timers: ClockTimers, random: Random, streams: boolean) {
    const api = { messages: (_id: string, leaf: string | null) => server.page(leaf) } as unknown as Api;
    const handlers = {
      ready: () => this.conversation.attach(),
      event: (event: never, bytes: number) => this.conversation.handle(event, bytes),
      status: () => undefined,
    };
    const now = () => timers.now;
    const socket = () => (streams ? new StreamSocket(postTo(server), timers, now) : server.connect());
    this.connection = new Connection({ socket }, handlers, timers, random, now);
    this.conversation = new OpenConversation(api, this.connection, ALICE, timers);
    this.connection.connect();
    void this.conversation.open(CONVERSATION);
  }

  /** What is shown is always the beginning of what was said, and never becomes less. */
  check(server: ServerModel, when: string): void {
    for (const message of this.conversation.path.messages) {
      const turn = message.turn && server.turns.get(message.turn.id);
      if (!turn) continue;
      const { content } = this.conversation.shown(message);
      assert.ok(turn.pieces.join("").startsWith(content), `${when}: a character is lost, doubled or out of order`);
      assert.ok(content.length >= (this.#longest.get(turn.id) ?? 0), `${when}: text was taken back`);
      this.#longest.set(turn.id, content.length);
    }
  }
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** One story of `steps` steps; gives how often the line was cut. */
async function play(seed: number, steps: number, faulty: boolean, streams = false): Promise<number> {
  const random = randomFrom(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  const timers = new ClockTimers();
  const server = new ServerModel(random, faulty);
  let page = new ModelPage(server, timers, random, streams);
  const act = (): void => {
    const { conversation, connection } = page;
    const leaf = conversation.path.leaf;
    if (conversation.view === null || leaf === undefined) return;
    const choice = random();
    if (choice < 0.4 && !conversation.busy) conversation.say(`Hello ${seed}`, {});
    else if (choice < 0.6 && !conversation.busy && leaf.role === "assistant") conversation.ask({ type: "regenerate", message: leaf.id });
    else if (choice < 0.7) server.others();
    else if (choice < 0.8) void conversation.refresh();
    else if (choice < 0.85) server.killNode();
    else if (choice < 0.9 && connection.waiting.length === 0) {
      connection.rest();
      page = new ModelPage(server, timers, random, streams);
    } else if (choice < 0.95) connection.wake();
  };
  const deeds: [number, () => void][] = [
    [6, () => server.work()],
    [8, () => server.pump()],
    [10, () => server.deliver()],
    [6, () => server.obey()],
    [3, () => server.answerPage()],
    [2, () => timers.pass(below(400))],
    [1, () => timers.pass(below(4_000))],
    // Some lines break now and then, others at every other frame.
    [2 + (seed % 6), () => server.cut(CODES[below(CODES.length)] ?? 1006)],
    [1, act],
  ];
  const all = deeds.flatMap(([weight, deed]) => Array.from({ length: weight }, () => deed));
  for (let step = 0; step < steps; step += 1) {
    all[below(all.length)]?.();
    if (step % 4 === 0) await tick();
    page.check(server, `seed ${seed}, step ${step}`);
  }
  await settle(server, page, timers);
  check(server, page, `seed ${seed}, at the end`, faulty);
  return server.cuts;
}

/** No more trouble: everything comes to its end. */
async function settle(server: ServerModel, page: ModelPage, timers: ClockTimers): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    if (round < 5) server.finish();
    for (let times = 0; times < 25; times += 1) {
      server.obey();
      server.pump();
      server.deliver();
      server.answerPage();
    }
    timers.pass(round < 20 ? 300 : 3_000);
    await tick();
    const still = page.connection.ready && page.conversation.caughtUp && !page.conversation.busy;
    const quiet = server.open.length > 0 && server.quiet && !server.pagesWait;
    if (round > 30 && still && quiet) return;
    server.finish();
  }
}

function check(server: ServerModel, page: ModelPage, when: string, faulty: boolean): void {
  const { conversation } = page;
  page.check(server, when);
  assert.equal(conversation.runningTurn, null, `${when}: nothing runs`);
  const shown = conversation.path.messages.map((message) => conversation.shown(message));
  const stored = server.stored(conversation.path.leaf?.id ?? null);
  assert.deepEqual(
    shown.map(({ id, content, turn }) => [id, content, turn?.state]),
    stored.items.map(({ id, content, turn }) => [id, content, turn?.state]),
    when,
  );
  if (!faulty) assert.deepEqual(server.reports, [], `${when}: a server that keeps the rules is not reported`);
}

function randomFrom(seed: number): Random {
  let state = seed * 2_654_435_761;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `RESUME_SEED=17 npm test` plays one story again. */
const only = Number(process.env["RESUME_SEED"] ?? 0);

async function playUntil(cuts: number, faulty: boolean, streams = false): Promise<void> {
  let made = 0;
  for (let seed = only || 1; made < cuts; seed += 1) {
    made += await play(seed, 1_500, faulty, streams);
    if (only) return;
  }
}

test("over 10,000 cuts, two nodes and their deaths no answer loses, doubles or reorders a character", async () => {
  await playUntil(10_000, false);
});

test("servers that lose and repeat chunks are caught up with too", async () => {
  await playUntil(1_000, true);
});

test("streams over HTTP keep the same promises", async () => {
  await playUntil(1_500, false, true);
});
