/** What the person asked for and the server has not answered yet. */

import type { Accepted, Person, Start } from "./protocol";
import type { MessageView, TurnView } from "./views";

export type Unsent = Start extends infer Command
  ? Command extends Start
    ? Omit<Command, "id">
    : never
  : never;

/** Without a model the server takes its default. */
export type ModelChoice = { model?: string };

export class Sending {
  readonly #pending = new Map<string, Start>();

  constructor(
    private readonly start: (command: Start) => void,
    private readonly makeId: () => string = () => crypto.randomUUID(),
  ) {}

  get busy(): boolean {
    return this.#pending.size > 0;
  }

  /** Sends a command under a new id, which it returns. */
  ask(command: Unsent): string {
    const id = this.makeId();
    const identified = { ...command, id } as Start;
    this.#pending.set(id, identified);
    this.start(identified);
    return id;
  }

  /** Waits again for what was sent before a reload; the connection sends it. */
  resume(command: Start): void {
    this.#pending.set(command.id, command);
  }

  has(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Takes the answered command out; undefined if it was not sent from here. */
  settle(id: string): Start | undefined {
    const command = this.#pending.get(id);
    this.#pending.delete(id);
    return command;
  }

  clear(): void {
    this.#pending.clear();
  }
}

/** What the person wrote for a command, if anything. */
export function textOf(command: Start | undefined): string | null {
  return command !== undefined && "content" in command ? command.content : null;
}

/** The person's text, shown before the server has confirmed it; its id is the command's. */
export function unconfirmed(id: string, content: string, parent: string | null, author: Person): MessageView {
  return {
    id,
    parent,
    role: "user",
    content,
    reasoning: null,
    model: null,
    author,
    created_at: new Date().toISOString(),
    siblings: [id],
    turn: null,
  };
}

/** The answer that an accepted turn will write. */
export function emptyAnswer(event: Accepted, parent: string | null): MessageView {
  const turn: TurnView = {
    id: event.turn,
    state: "running",
    epoch: event.epoch,
    model: event.model,
    finish_reason: null,
    error: null,
    usage: null,
    cost_nano_usd: null,
    quality: null,
    stats: null,
    sha256: null,
    hold_nano_usd: event.hold_nano_usd,
  };
  return {
    id: event.assistant_message,
    parent,
    role: "assistant",
    content: "",
    reasoning: null,
    model: event.model,
    author: null,
    created_at: new Date().toISOString(),
    siblings: [event.assistant_message],
    turn,
  };
}
