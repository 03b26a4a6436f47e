/** Asks the server what turns may cost: one question at a time, and none twice while its answer holds. */

import type { Event } from "./protocol";
import type { EstimateView } from "./views";

/** What is asked for: a turn that might be asked for, with the fields of the socket's command. */
export interface Wish {
  type: "chat" | "edit" | "regenerate" | "continue";
  conversation?: string | null;
  parent?: string | null;
  message?: string;
  model?: string;
  content?: string;
}

/** Others spend as well: so an answer is good only for so long. */
export const GOOD_FOR_MS = 30_000;
const KEPT = 20;
/** What a turn spends or holds, and whatever waits, changes what is left. */
const CHANGES: ReadonlySet<string> = new Set(["accepted", "done", "queued", "queue", "error"]);

interface Known {
  estimate: EstimateView;
  until: number;
}

export class Asking {
  #last: Promise<unknown> = Promise.resolve();
  #known = new Map<string, Known>();

  constructor(
    private readonly fetch: (wish: Wish, signal: AbortSignal) => Promise<EstimateView>,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Rejects when `signal` is given up, and when the server refuses. */
  async ask(wish: Wish, signal: AbortSignal): Promise<EstimateView> {
    const before = this.#last;
    const asking = before.then(() => this.#ask(wish, signal));
    this.#last = asking.catch(() => undefined);
    return await asking;
  }

  handle(event: Event): void {
    if (CHANGES.has(event.type)) this.forget();
  }

  /** Whatever was told may be different now. */
  forget(): void {
    // What is being asked must not be kept either: it may have been told before the change.
    this.#known = new Map();
  }

  async #ask(wish: Wish, signal: AbortSignal): Promise<EstimateView> {
    signal.throwIfAborted();
    const known = this.#known;
    const key = JSON.stringify(wish);
    const found = known.get(key);
    if (found !== undefined && this.clock() < found.until) return found.estimate;
    const estimate = await this.fetch(wish, signal);
    known.delete(key);
    known.set(key, { estimate, until: this.clock() + GOOD_FOR_MS });
    for (const oldest of known.keys()) if (known.size > KEPT) known.delete(oldest);
    return estimate;
  }
}
