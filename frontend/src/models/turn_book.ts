/** The turns of the conversation that is being read, and what is owed to the server for them. */

import { AckPolicy, type Timers } from "./ack_policy";
import type { Notice, TurnEvent } from "./protocol";
import { isLive, type Outcome, TurnStream } from "./turn_stream";
import type { MessageView } from "./views";

export class TurnBook {
  /** Ended turns stay until the server's stored state is seen: a page may be older than their end. */
  readonly #streams = new Map<string, TurnStream>();
  readonly #acks: AckPolicy;

  constructor(sendAck: (turn: string, seq: number) => void, timers: Timers) {
    this.#acks = new AckPolicy(sendAck, timers);
  }

  clear(): void {
    this.#streams.clear();
    this.#acks.reset();
  }

  /** A new connection: nothing is owed to it yet, and nothing was asked of it. */
  reconnected(): void {
    this.#acks.reset();
    for (const stream of this.#streams.values()) stream.asked = false;
  }

  /** A turn begins; its chunks may come from now on. */
  begin(turn: string, epoch: number): TurnStream {
    const stream = this.#streams.get(turn) ?? new TurnStream(turn, epoch);
    this.#streams.set(turn, stream);
    return stream;
  }

  get(turn: string): TurnStream | undefined {
    return this.#streams.get(turn);
  }

  forget(turn: string): void {
    this.#streams.delete(turn);
  }

  get live(): TurnStream[] {
    return [...this.#streams.values()].filter((stream) => stream.live);
  }

  /**
   * Takes what the server stored: its terminal states end streams, its running turns begin them.
   * Gives the messages whose end was seen here first.
   */
  learn(messages: readonly MessageView[]): MessageView[] {
    const ended: MessageView[] = [];
    for (const message of messages) {
      const { turn } = message;
      if (turn === null) continue;
      if (isLive(turn.state)) this.begin(turn.id, 0);
      else if (this.#streams.get(turn.id)?.live) ended.push(message);
      if (!isLive(turn.state)) this.#streams.delete(turn.id);
    }
    return ended;
  }

  /** Applies an event of a turn that is known here; null for any other. */
  apply(event: TurnEvent, bytes: number): Outcome | null {
    const outcome = this.#streams.get(event.turn)?.apply(event) ?? null;
    // Also what is of no use here: unacknowledged it would hold up the rest.
    if ((event.type === "chunk" || event.type === "snapshot") && outcome !== "gap") {
      this.#acks.received(event.turn, event.seq, bytes);
    }
    if (event.type === "done") this.#acks.flush();
    return outcome;
  }

  /** A message as it stands now, with what its turn has brought. */
  shown(message: MessageView): MessageView {
    const stream = message.turn === null ? undefined : this.#streams.get(message.turn.id);
    if (stream === undefined || message.turn === null) return message;
    const turn = stream.view(message.turn.model, message.turn.hold_nano_usd);
    if (!stream.held && stream.done === null) return { ...message, turn };
    return { ...message, content: stream.content, reasoning: stream.reasoning || null, turn };
  }

  noticeOf(message: MessageView): Notice | null {
    return (message.turn && this.#streams.get(message.turn.id)?.notice) ?? null;
  }
}
