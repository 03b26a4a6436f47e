/** The messages from the root to the leaf that is being read; only loaded pages of it. */

import type { MessagePage, MessageView, TurnView } from "./views";

export class Path {
  #messages: MessageView[] = [];
  hasMore = false;

  get messages(): readonly MessageView[] {
    return this.#messages;
  }

  get leaf(): MessageView | undefined {
    return this.#messages.at(-1);
  }

  get first(): MessageView | undefined {
    return this.#messages[0];
  }

  find(id: string): MessageView | undefined {
    return this.#messages.find((message) => message.id === id);
  }

  byTurn(turn: string): MessageView | undefined {
    return this.#messages.find((message) => message.turn?.id === turn);
  }

  clear(): void {
    this.#messages = [];
    this.hasMore = false;
  }

  /** Takes the newest page. */
  show(page: MessagePage): void {
    this.#messages = [...page.items];
    this.hasMore = page.has_more;
  }

  /** Takes the newest page again, keeping older messages that it joins. */
  refresh(page: MessagePage): void {
    const joint = this.#messages.findIndex((message) => message.id === page.items[0]?.id);
    if (joint <= 0) this.show(page);
    else this.#messages = [...this.#messages.slice(0, joint), ...page.items];
  }

  /** Whether a page goes on from what is read here, or is another answer or question at its end. */
  meets(page: MessagePage): boolean {
    const ours = new Set(this.#messages.map((message) => message.id));
    const leaf = this.leaf;
    if (leaf === undefined || page.items.some((message) => message.id === leaf.id)) return true;
    return page.items.slice(-2).some((message) => message.siblings.some((id) => ours.has(id)));
  }

  /** Puts an older page before what is there; messages already there are not repeated. */
  prepend(page: MessagePage): MessageView[] {
    const known = new Set(this.#messages.map((message) => message.id));
    const fresh = page.items.filter((message) => !known.has(message.id));
    this.#messages = [...fresh, ...this.#messages];
    this.hasMore = page.has_more;
    return fresh;
  }

  append(...messages: MessageView[]): void {
    this.#messages.push(...messages);
  }

  /** Gives a message that the server has now named its real facts. */
  rename(id: string, changes: Partial<MessageView>): void {
    this.#messages = this.#messages.map((message) =>
      message.id === id ? { ...message, ...changes } : message,
    );
  }

  remove(id: string): MessageView | undefined {
    const message = this.find(id);
    this.#messages = this.#messages.filter((other) => other.id !== id);
    return message;
  }

  setTurn(messageId: string, turn: TurnView, content: string, reasoning: string): void {
    this.rename(messageId, { turn, content, reasoning: reasoning || null });
  }
}

/** Where a message stands among its siblings, from 1, or null when it has none. */
export function branchOf(message: MessageView): { position: number; count: number } | null {
  const position = message.siblings.indexOf(message.id) + 1;
  if (position === 0 || message.siblings.length < 2) return null;
  return { position, count: message.siblings.length };
}

/** The sibling `step` places on, or null at the ends. */
export function siblingAt(message: MessageView, step: number): string | null {
  const at = message.siblings.indexOf(message.id);
  return at === -1 ? null : (message.siblings[at + step] ?? null);
}
