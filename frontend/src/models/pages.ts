/** Fetches the pages of the open conversation's path, so that no late page takes back what came since. */

import { type Api, ApiError } from "../api";
import type { Timers } from "./ack_policy";
import type { Path } from "./path";
import type { MessagePage } from "./views";

const AGAIN_MS = 5_000;

type Accept = (page: MessagePage) => boolean;

export interface PageHandlers {
  /** The page is wanted: take what it says of turns, before it becomes part of the path. */
  taking(page: MessagePage): void;
  /** The path has it. */
  taken(page: MessagePage, opened: boolean): void;
  failed(error: ApiError): void;
  /** Whether something sent is not answered yet; what the path shows of it is in no page. */
  busy(): boolean;
}

export class Pages {
  #conversation: string | null = null;
  /** Counts openings, so that an answer for a conversation left meanwhile is dropped. */
  #visit = 0;
  /** Counts loads. */
  asked = 0;
  /** Counts what was put at the path's end by others than pages. */
  #additions = 0;
  /** A load that was put off: through this leaf, or the one that is shown. */
  #owed: { leaf: string | null } | null = null;
  #again: unknown = null;
  #loading: Promise<void> | null = null;
  #loadingOlder: Promise<void> | null = null;

  constructor(
    private readonly api: Api,
    private readonly path: Path,
    private readonly timers: Timers,
    private readonly handlers: PageHandlers,
  ) {}

  /** Pages are of this conversation from now on; those on their way are dropped. */
  visit(conversation: string | null): void {
    this.#visit += 1;
    this.#conversation = conversation;
    this.#owed = null;
    this.#loading = null;
    this.timers.clear(this.#again);
  }

  /** The conversation has been given its id. */
  named(conversation: string): void {
    this.#conversation = conversation;
  }

  /** The path got something that no page on its way can have. */
  added(): void {
    this.#additions += 1;
  }

  /** Loads the newest page and shows it. */
  open(): Promise<void> {
    return this.#load(null, true);
  }

  /** Loads the path through `leaf`; `accept` may turn the page down. */
  async through(leaf: string, accept?: Accept): Promise<void> {
    await this.#load(leaf, false, accept);
  }

  /** Fetches again what is shown, now or when nothing is waiting for its answer any more. */
  async refresh(): Promise<void> {
    this.#owed ??= { leaf: null };
    await this.settled();
  }

  /** Does what was put off while something was not answered. */
  async settled(): Promise<void> {
    const owed = this.#owed;
    if (owed === null || this.handlers.busy()) return;
    this.#owed = null;
    await this.#load(owed.leaf, false);
  }

  /** Puts an older page before the path; one at a time. */
  older(): Promise<void> {
    this.#loadingOlder ??= this.#fetchOlder().finally(() => (this.#loadingOlder = null));
    return this.#loadingOlder;
  }

  /** Without a `leaf` what is shown is loaded again, or at an opening the newest. */
  async #load(leaf: string | null, opened: boolean, accept: Accept = () => true): Promise<void> {
    const visit = this.#visit;
    // One after the other: so no page is older than the one before it.
    while (this.#loading !== null && visit === this.#visit) await this.#loading;
    if (visit !== this.#visit || this.#conversation === null) return;
    // What is being sent is on the path, and in no page.
    if (!opened && this.handlers.busy()) {
      this.#owed = { leaf };
      return;
    }
    const loading = this.#fetch(this.#conversation, leaf, opened, accept);
    const ended = loading.then(() => undefined);
    this.#loading = ended;
    const late = await loading;
    if (this.#loading === ended) this.#loading = null;
    if (late) await this.#putOff(leaf);
  }

  /** True for a page that is older than what the path has got meanwhile. */
  async #fetch(conversation: string, leaf: string | null, opened: boolean, accept: Accept): Promise<boolean> {
    const visit = this.#visit;
    const additions = this.#additions;
    this.asked += 1;
    try {
      const shown = opened ? null : (this.path.leaf?.id ?? null);
      const page = await this.api.messages(conversation, leaf ?? shown, null);
      if (visit !== this.#visit || !accept(page)) return false;
      if (additions !== this.#additions || this.handlers.busy()) return true;
      this.#take(page, opened);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (visit === this.#visit) this.#failed(error, opened);
    }
    return false;
  }

  #putOff(leaf: string | null): Promise<void> {
    this.#owed = { leaf };
    return this.settled();
  }

  #take(page: MessagePage, opened: boolean): void {
    this.handlers.taking(page);
    if (opened) this.path.show(page);
    else this.path.refresh(page);
    this.handlers.taken(page, opened);
  }

  /** Without an answer it is tried again: the socket may be well all the while. */
  #failed(error: ApiError, opened: boolean): void {
    this.handlers.failed(error);
    if (opened || (error.status !== 0 && error.status < 500)) return;
    this.#owed ??= { leaf: null };
    this.timers.clear(this.#again);
    this.#again = this.timers.set(() => void this.settled(), AGAIN_MS);
  }

  async #fetchOlder(): Promise<void> {
    const { path } = this;
    const visit = this.#visit;
    if (this.#conversation === null || path.first === undefined || !path.hasMore) return;
    const page = await this.api.messages(this.#conversation, path.leaf?.id ?? null, path.first.id);
    if (visit !== this.#visit) return;
    path.prepend(page);
    this.handlers.taken(page, false);
  }
}
