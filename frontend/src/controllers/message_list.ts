/** Keeps the messages' elements in step with the path, without long pauses of the page. */

import type { MessageView } from "../models/views";
import { MessageElement } from "../rendering/message";
import { session } from "../session";
import { forecastEnding } from "./ending_forecast";
import type { Reader } from "./reader";

/** So many of the newest are shown at once; older ones follow in slices. */
const AT_ONCE = 6;
const SLICE_MS = 12;
/** An update that took longer than this makes the next one wait, so that typing and scrolling stay smooth. */
const CHEAP_UPDATE_MS = 8;

export class MessageList {
  readonly #elements = new Map<string, MessageElement>();
  #waiting: MessageView[] = [];
  readonly #dirty = new Set<string>();
  #scheduled = false;
  #notBefore = 0;

  constructor(
    private readonly place: HTMLElement,
    private readonly reader: Reader,
  ) {}

  get(id: string): MessageElement | undefined {
    return this.#elements.get(id);
  }

  /** Whether older messages are still being put in. */
  get rendering(): boolean {
    return this.#waiting.length > 0;
  }

  clear(): void {
    this.#elements.clear();
    this.#waiting = [];
    this.#dirty.clear();
    this.place.replaceChildren();
    this.reader.toNewest();
  }

  /** Makes the elements those of `messages`, which are in their order. */
  sync(messages: readonly MessageView[]): void {
    const wanted = new Set(messages.map((message) => message.id));
    const missing = messages.filter((message) => !this.#elements.has(message.id));
    this.reader.keepPlace(() => {
      for (const [id, shown] of this.#elements) if (!wanted.has(id)) this.#remove(id, shown);
      for (const message of messages) if (this.#elements.has(message.id)) this.#update(message);
      for (const message of missing.slice(-AT_ONCE).reverse()) this.#insert(message);
    });
    const wasIdle = this.#waiting.length === 0;
    this.#waiting = missing.slice(0, -AT_ONCE).reverse();
    if (wasIdle && this.#waiting.length > 0) this.#nextSlice();
  }

  /** The text or turn of a message changed: shows it at the next frame. */
  touch(id: string): void {
    this.#dirty.add(id);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const delayMs = this.#notBefore - performance.now();
    if (delayMs > 4) setTimeout(() => requestAnimationFrame(this.#flush), delayMs);
    else requestAnimationFrame(this.#flush);
  }

  readonly #flush = (): void => {
    const began = performance.now();
    this.#scheduled = false;
    const { path } = session().thread;
    for (const id of this.#dirty) {
      const message = path.find(id);
      if (message !== undefined && this.#elements.has(id)) this.#update(message);
    }
    this.#dirty.clear();
    const tookMs = performance.now() - began;
    this.#notBefore = tookMs > CHEAP_UPDATE_MS ? performance.now() + 4 * tookMs : 0;
  };

  #nextSlice(): void {
    setTimeout(() => {
      const end = performance.now() + SLICE_MS;
      this.reader.keepPlace(() => {
        while (this.#waiting.length > 0 && performance.now() < end) {
          const message = this.#waiting.shift();
          if (message !== undefined) this.#insert(message);
        }
      });
      if (this.#waiting.length > 0) this.#nextSlice();
    });
  }

  /** Messages are put in from the newest, so the next one on the path is there already. */
  #insert(message: MessageView): void {
    const { messages } = session().thread.path;
    const at = messages.findIndex((other) => other.id === message.id);
    if (at === -1 || this.#elements.has(message.id)) return;
    const shown = new MessageElement(message.id);
    this.#elements.set(message.id, shown);
    this.#update(message);
    const next = messages.slice(at + 1).find((other) => this.#elements.has(other.id));
    this.place.insertBefore(shown.root, next ? (this.#elements.get(next.id)?.root ?? null) : null);
  }

  #update(message: MessageView): void {
    const { thread, boot, models, mayWrite, told } = session();
    const element = this.#elements.get(message.id);
    if (element === undefined) return;
    element.update(thread.shown(message), {
      me: boot.user.id,
      notice: thread.turns.noticeOf(message),
      modelName: models?.items.find(({ id }) => id === message.model)?.name ?? null,
      mayWrite,
      told: told.of(message.turn?.id),
    });
    forecastEnding(element, message);
  }

  #remove(id: string, shown: MessageElement): void {
    shown.root.remove();
    this.#elements.delete(id);
  }
}
