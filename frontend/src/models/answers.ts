/** What the socket tells of turns, put onto the path: text as it comes, and ends with their checked text. */

import type { Following } from "./following";
import type { Path } from "./path";
import type { Snapshot, TurnEvent } from "./protocol";
import type { TurnBook } from "./turn_book";
import { isLive, type TurnStream } from "./turn_stream";
import type { Verifying } from "./verifying";
import type { MessageView } from "./views";

export interface AnswerHandlers {
  /** The text or turn of a message changed. */
  touched(message: string): void;
  /** A turn ended that was seen running. */
  answered(message: MessageView): void;
  /** A turn runs that this page has not heard of. */
  unknown(answer: string): void;
  /** What is shown may not be what is stored. */
  doubtful(): void;
}

export class Answers {
  constructor(
    private readonly path: Path,
    private readonly turns: TurnBook,
    private readonly following: Following,
    private readonly verifying: Verifying,
    private readonly handlers: AnswerHandlers,
  ) {}

  /** A turn is said to run: its frames are taken from now on, unless its stored end is here already. */
  begin(turn: string, epoch: number): void {
    const message = this.path.byTurn(turn);
    if (!message?.turn || isLive(message.turn.state)) this.turns.begin(turn, epoch);
  }

  /** `ours`: the event names the conversation that is open. */
  take(event: TurnEvent, bytes: number, ours: boolean): void {
    if (event.type === "snapshot" && ours) this.#meet(event);
    const outcome = this.turns.apply(event, bytes);
    if (outcome === "gap") this.following.gap(event.turn);
    const stream = this.turns.get(event.turn);
    if (outcome !== "applied" || stream === undefined) return;
    this.following.heard(event.turn);
    const message = this.path.byTurn(event.turn);
    if (stream.done !== null) void this.#ended(stream);
    else if (message !== undefined) this.handlers.touched(message.id);
  }

  /** The path has other messages now: of some the end was told before they were known. */
  pathChanged(): void {
    for (const { turn } of this.path.messages) {
      const stream = turn && isLive(turn.state) && this.turns.get(turn.id);
      if (stream && stream.done !== null) void this.#ended(stream);
    }
  }

  #meet(event: Snapshot): void {
    const isNew = this.turns.get(event.turn) === undefined && this.path.byTurn(event.turn) === undefined;
    this.begin(event.turn, event.epoch);
    if (isNew && event.assistant_message) this.handlers.unknown(event.assistant_message);
  }

  /** Keeps the whole text, and has it fetched if its fingerprint says that something is missing. */
  async #ended(stream: TurnStream): Promise<void> {
    const message = this.path.byTurn(stream.turn);
    const whole = message && this.turns.shown(message);
    if (message?.turn && whole?.turn) {
      this.path.setTurn(message.id, whole.turn, whole.content, whole.reasoning ?? "");
      this.handlers.touched(message.id);
      if (isLive(message.turn.state)) this.handlers.answered(whole);
    }
    const holds = await this.verifying.holds(stream);
    if (holds || this.turns.get(stream.turn) !== stream) return;
    this.turns.forget(stream.turn);
    if (this.path.byTurn(stream.turn) !== undefined) this.handlers.doubtful();
  }
}
