/** Views and events for the tests, with only what a test cares about to be given. */

import type { Accepted, Chunk, Done, Snapshot } from "../src/models/protocol";
import type { ConversationView, EstimateView, MessagePage, MessageView, TurnView } from "../src/models/views";

export const TURN = "turn-1";

export function chunk(seq: number, offset: number, content: string, epoch = 1): Chunk {
  return { type: "chunk", turn: TURN, epoch, seq, offset, content };
}

export function snapshot(seq: number, content: string, epoch = 1): Snapshot {
  return { type: "snapshot", turn: TURN, epoch, seq, content, state: "running" };
}

export function done(changes: Partial<Done> = {}): Done {
  return {
    type: "done",
    turn: TURN,
    state: "completed",
    finish_reason: "stop",
    usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
    cost_nano_usd: 800_000,
    quality: "reported",
    stats: { ttft_ms: 100, total_ms: 1200, tokens: 5, tokens_per_second: 4 },
    sha256: "",
    ...changes,
  };
}

export function accepted(id: string, changes: Partial<Accepted> = {}): Accepted {
  return {
    type: "accepted",
    id,
    conversation: "conversation-1",
    user_message: "question-1",
    assistant_message: "answer-1",
    turn: TURN,
    epoch: 1,
    model: "gpt-4.1",
    hold_nano_usd: 1_000_000,
    ...changes,
  };
}

export function turn(changes: Partial<TurnView> = {}): TurnView {
  return {
    id: TURN,
    state: "completed",
    epoch: 1,
    model: "gpt-4.1",
    finish_reason: "stop",
    error: null,
    usage: null,
    cost_nano_usd: 300_000,
    quality: "estimated",
    stats: null,
    sha256: null,
    hold_nano_usd: null,
    ...changes,
  };
}

export function message(id: string, changes: Partial<MessageView> = {}): MessageView {
  return {
    id,
    parent: null,
    role: "user",
    content: id,
    reasoning: null,
    model: null,
    author: { id: 1, name: "Alice" },
    created_at: "2026-11-21T04:00:00Z",
    siblings: [id],
    turn: null,
    ...changes,
  };
}

export function conversation(id: string, changes: Partial<ConversationView> = {}): ConversationView {
  return {
    id,
    team: "team-1",
    title: id,
    updated_at: "2026-11-21T04:00:00Z",
    model: null,
    pinned: false,
    archived: false,
    ...changes,
  };
}

export function page(items: MessageView[], has_more = false): MessagePage {
  return { conversation: conversation("conversation-1"), items, has_more, leaf: items.at(-1)?.id ?? null };
}

/** What was told of a message to a model at $8 a million tokens. */
export function estimate(changes: Partial<EstimateView> = {}): EstimateView {
  return {
    model: "gpt-4.1",
    prompt_tokens: 1200,
    exact: true,
    is_cut: false,
    is_too_long: false,
    waits: false,
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

/** Timers with a clock of their own; they may be held back, as a browser does with a tab that nobody sees. */
export class ClockTimers {
  now = 1_000_000;
  /** Timers come due at the next whole multiple of this, as in a tab in the background. */
  throttleMs = 1;
  #next = 1;
  readonly #waiting = new Map<number, { callback: () => void; dueAt: number }>();

  set(callback: () => void, delayMs: number): unknown {
    this.#waiting.set(this.#next, { callback, dueAt: this.now + delayMs });
    return this.#next++;
  }

  clear(timer: unknown): void {
    this.#waiting.delete(timer as number);
  }

  /** Lets time pass; timers come when they are due. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [id, next] = this.#soonest(end);
      if (next === undefined) break;
      this.#waiting.delete(id);
      this.now = Math.max(this.now, next.at);
      next.callback();
    }
    this.now = end;
  }

  /** Everything stands still, and only the clock has gone on when it ends. */
  sleep(ms: number): void {
    this.now += ms;
  }

  #soonest(end: number): [number, { callback: () => void; at: number } | undefined] {
    let found: [number, { callback: () => void; at: number } | undefined] = [0, undefined];
    for (const [id, { callback, dueAt }] of this.#waiting) {
      const at = Math.ceil(dueAt / this.throttleMs) * this.throttleMs;
      if (at <= end && (found[1] === undefined || at < found[1].at)) found = [id, { callback, at }];
    }
    return found;
  }
}

/** Timers that fire when told to. */
export class HandTimers {
  #next = 1;
  readonly #waiting = new Map<number, { callback: () => void; delayMs: number }>();

  set(callback: () => void, delayMs: number): unknown {
    this.#waiting.set(this.#next, { callback, delayMs });
    return this.#next++;
  }

  clear(timer: unknown): void {
    this.#waiting.delete(timer as number);
  }

  get delays(): number[] {
    return [...this.#waiting.values()].map(({ delayMs }) => delayMs);
  }

  fire(): void {
    const due = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { callback } of due) callback();
  }
}
