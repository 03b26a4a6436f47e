/**
 * A model of the site behind the socket: messages, turns with an owner and an epoch, and a journal that two nodes
 * read. Chance decides what happens next.
 */

import { createHash } from "node:crypto";
import type { MessagePage, MessageView, TurnView } from "../src/models/views";
import { conversation, message, turn as turnView } from "./people";

export type Random = () => number;
export const CONVERSATION = "conversation-1";

export interface ModelTurn {
  id: string;
  answer: string;
  pieces: string[];
  /** Journaled chunks, with what came before each. */
  journal: { content: string; offset: number }[];
  epoch: number;
  owner: number | null;
  state: TurnView["state"];
  text: string;
  sha256: string;
}

export class SiteModel {
  readonly messages: MessageView[] = [];
  readonly turns = new Map<string, ModelTurn>();
  /** How far each node has read each turn. */
  protected readonly read = [new Map<string, number>(), new Map<string, number>()];
  #ids = 0;

  constructor(private readonly random: Random) {
    this.write(null, null);
    this.finish();
  }

  /** A person's message and the answer to it, or with `question` another answer beside the others. */
  write(parent: string | null, question: string | null, content = "Hello"): ModelTurn {
    const number = (this.#ids += 1);
    if (question === null) {
      question = `question-${number}`;
      this.messages.push(message(question, { parent, content }));
    }
    const pieces = Array.from({ length: 2 + this.below(12) }, () => this.#piece());
    const made: ModelTurn = {
      id: `turn-${number}`,
      answer: `answer-${number}`,
      pieces,
      journal: [],
      epoch: 1,
      owner: this.below(2),
      state: "running",
      text: "",
      sha256: "",
    };
    this.turns.set(made.id, made);
    this.messages.push(message(made.answer, { parent: question, role: "assistant", author: null, content: "" }));
    return made;
  }

  /** One step of the turns: text, an end, a reader that comes nearer. */
  work(): void {
    const running = [...this.turns.values()].filter(({ state }) => state === "running");
    const turn = running[this.below(running.length)];
    if (turn !== undefined && turn.owner !== null) {
      const content = turn.pieces[turn.journal.length];
      if (content === undefined) this.#end(turn, "completed");
      else {
        turn.journal.push({ content, offset: turn.text.length });
        turn.text += content;
      }
    } else if (turn !== undefined && this.chance(0.2)) {
      turn.epoch += 1;
      this.#end(turn, "orphaned");
    }
    for (const each of this.turns.values()) {
      for (const node of [0, 1]) {
        if (each.owner === node || this.chance(0.3)) this.read[node]?.set(each.id, each.journal.length);
      }
    }
  }

  /** Every turn comes to its end. */
  finish(): void {
    while ([...this.turns.values()].some(({ state }) => state === "running")) this.work();
  }

  #end(turn: ModelTurn, state: "completed" | "orphaned"): void {
    turn.state = state;
    turn.sha256 = createHash("sha256").update(turn.text, "utf8").digest("hex");
  }

  /** The path through a message, as the database has it. */
  stored(leaf: string | null): MessagePage {
    const items: MessageView[] = [];
    let at: MessageView | undefined = this.newestBelow(leaf);
    while (at !== undefined) {
      items.unshift(this.#view(at));
      const { parent }: MessageView = at;
      at = this.messages.find(({ id }) => id === parent);
    }
    return { conversation: conversation(CONVERSATION), items, has_more: false, leaf: items.at(-1)?.id ?? null };
  }

  #view(stored: MessageView): MessageView {
    const siblings = this.messages.filter(({ parent }) => parent === stored.parent).map(({ id }) => id);
    const turn = [...this.turns.values()].find(({ answer }) => answer === stored.id);
    if (turn === undefined) return { ...stored, siblings };
    const { id, state, epoch, sha256 } = turn;
    const content = state === "running" ? "" : turn.text;
    return { ...stored, siblings, content, turn: turnView({ id, state, epoch, sha256 }) };
  }

  protected newestBelow(leaf: string | null): MessageView {
    let at = leaf === null ? (this.messages[0] as MessageView) : this.find(leaf);
    for (;;) {
      const next = this.messages.findLast(({ parent }) => parent === at.id);
      if (next === undefined) return at;
      at = next;
    }
  }

  protected find(id: string): MessageView {
    const found = this.messages.find((message) => message.id === id);
    if (found === undefined) throw new Error(`no message ${id}`);
    return found;
  }

  #piece(): string {
    const letters = ["a", "đ", "ạ", "电车", "🚋", " ", "\n", "👩‍👩‍👧", "```", "x".repeat(40)];
    return Array.from({ length: 1 + this.below(4) }, () => letters[this.below(letters.length)]).join("");
  }

  protected below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  protected chance(probability: number): boolean {
    return this.random() < probability;
  }
}
