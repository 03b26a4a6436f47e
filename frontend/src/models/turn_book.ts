/** The running turns of the conversation that is being read, and what is owed to the server for them. */

import { AckPolicy, type Timers } from "./ack_policy";
import type { Attach, Notice, TurnEvent } from "./protocol";
import { isLive, type Outcome, TurnStream } from "./turn_stream";
import type { MessageView } from "./views";

export class TurnBook {
  readonly #streams = new Map<string, TurnStream>();
  readonly #acks: AckPolicy;

  constructor(sendAck: (turn: string, seq: number) => void, timers: Timers) {
    this.#acks = new AckPolicy(sendAck, timers);
  }

  clear(): void {
    this.#streams.clear();
    this.#acks.reset();
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

  /** Takes what the server stored: its terminal states end streams, its running turns begin them. */
  learn(messages: readonly MessageView[]): void {
    for (const { turn } of messages) {
      if (turn === null) continue;
      if (isLive(turn.state)) this.begin(turn.id, 0);
      else this.#streams.delete(turn.id);
    }
  }

  /** Applies an event of a turn that is known here; null for any other. */
  apply(event: TurnEvent, bytes: number): Outcome | null {
    const stream = this.#streams.get(event.turn);
    if (stream === undefined) return null;
    const outcome = stream.apply(event);
    if ((event.type === "chunk" || event.type === "snapshot") && outcome !== "gap") {
      this.#acks.received(event.turn, event.seq, bytes);
    }
    if (event.type === "done") this.#acks.flush(event.turn);
    return outcome;
  }

  /** Live turns that the server does not run any more: their end was missed. */
  missed(running: readonly string[]): string[] {
    return [...this.#streams.values()]
      .filter((stream) => stream.live && stream.epoch > 0 && !running.includes(stream.turn))
      .map((stream) => stream.turn);
  }

  /** The command that asks for what is missing after a new connection. */
  attach(conversation: string): Attach {
    this.#acks.reset();
    const live = [...this.#streams.values()].filter((stream) => stream.live);
    const stream = live.find(({ epoch }) => epoch > 0) ?? live[0];
    if (stream === undefined) return { type: "attach", conversation };
    const { turn, epoch, seq } = stream;
    // Nothing is held yet: what was sent before the page knew the turn was dropped, so it must come again.
    if (epoch === 0) return { type: "attach", conversation, turn };
    return { type: "attach", conversation, turn, epoch, after: seq };
  }

  /** A message as it stands now, with what its running turn has brought. */
  shown(message: MessageView): MessageView {
    const stream = message.turn === null ? undefined : this.#streams.get(message.turn.id);
    if (stream === undefined || message.turn === null) return message;
    const turn = stream.view(message.turn.model, message.turn.hold_nano_usd);
    if (stream.seq === 0 && stream.done === null) return { ...message, turn };
    return { ...message, content: stream.content, reasoning: stream.reasoning || null, turn };
  }

  noticeOf(message: MessageView): Notice | null {
    return (message.turn && this.#streams.get(message.turn.id)?.notice) ?? null;
  }
}
