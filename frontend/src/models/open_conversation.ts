/** The conversation that is being read: its path of messages and its running turns. */

import { type Api, ApiError } from "../api";
import type { Timers } from "./ack_policy";
import type { Connection } from "./connection";
import { Emitter } from "./emitter";
import { Path } from "./path";
import type { Accepted, ErrorEvent, Event, Person, Start, TurnEvent } from "./protocol";
import { emptyAnswer, type ModelChoice, Sending, textOf, unconfirmed } from "./sending";
import { TurnBook } from "./turn_book";
import type { ThreadEvents } from "./thread_events";
import { isLive, matchesFingerprint } from "./turn_stream";
import type { ConversationView, MessagePage, MessageView } from "./views";

export class OpenConversation extends Emitter<ThreadEvents> {
  id: string | null = null;
  view: ConversationView | null = null;
  readonly path = new Path();
  readonly turns: TurnBook;
  readonly #sending: Sending;
  /** Counts openings, so that an answer for a conversation left meanwhile is dropped. */
  #visit = 0;
  readonly #refresh = (page: MessagePage) => this.path.refresh(page);
  #loadingOlder: Promise<void> | null = null;
  /** The turn to stop as soon as the socket is back. */
  #stopOwed: string | null = null;

  constructor(
    private readonly api: Api,
    private readonly wire: Pick<Connection, "start" | "send">,
    private readonly me: Person,
    timers: Timers,
  ) {
    super();
    this.turns = new TurnBook((turn, seq) => wire.send({ type: "ack", turn, seq }), timers);
    this.#sending = new Sending((command: Start) => wire.start(command));
  }

  /** The turn that Stop would stop: the newest one running on this path. */
  get runningTurn(): string | null {
    const live = (message: MessageView) => isLive(this.shown(message).turn?.state ?? "");
    return this.path.messages.findLast(live)?.turn?.id ?? null;
  }

  get busy(): boolean {
    return this.#sending.busy || this.runningTurn !== null;
  }

  /** A message as it stands now, with what its running turn has brought. */
  shown(message: MessageView): MessageView {
    return this.turns.shown(message);
  }

  async open(id: string | null): Promise<void> {
    this.#leave();
    this.id = id;
    this.emit("conversation", null);
    this.emit("path", { opened: true });
    if (id === null) return;
    await this.#load(null, (page) => this.path.show(page), true);
    this.attach();
  }

  /** Shows the branch that goes through a message. */
  async switchTo(message: string): Promise<void> {
    await this.#load(message, this.#refresh, false);
    this.attach();
  }

  /** Fetches again what is shown: something may have been missed. */
  async refresh(): Promise<void> {
    if (this.#sending.busy) return;
    await this.#load(this.path.leaf?.id ?? null, this.#refresh, false);
  }

  /** Puts an older page before the path; one at a time. */
  loadOlder(): Promise<void> {
    this.#loadingOlder ??= this.#fetchOlder().finally(() => (this.#loadingOlder = null));
    return this.#loadingOlder;
  }

  /** Watches the conversation from where the page stands; to be called whenever the socket is ready. */
  attach(): void {
    if (this.id !== null) this.wire.send(this.turns.attach(this.id));
    if (this.#stopOwed === this.runningTurn) this.stop();
  }

  say(content: string, model: ModelChoice): void {
    const parent = this.path.leaf?.id ?? null;
    const id = this.#sending.ask({ type: "chat", conversation: this.id, parent, content, ...model });
    this.path.append(unconfirmed(id, content, parent, this.me));
    this.emit("path", { opened: false });
  }

  again(message: string, model: ModelChoice): void {
    this.#sending.ask({ type: "regenerate", message, ...model });
  }

  edit(message: string, content: string, model: ModelChoice): void {
    this.#sending.ask({ type: "edit", message, content, ...model });
  }

  goOn(message: string): void {
    this.#sending.ask({ type: "continue", message });
  }

  stop(): void {
    const turn = this.runningTurn;
    const told = turn === null || this.wire.send({ type: "interrupt", turn });
    this.#stopOwed = told ? null : turn;
  }

  /** Takes one event of the socket; `bytes` is its frame's size. */
  handle(event: Event, bytes: number): void {
    switch (event.type) {
      case "accepted":
        this.#accepted(event);
        break;
      case "attached":
        if (event.conversation === this.id) this.#catchUp(event.turns);
        break;
      case "snapshot":
      case "chunk":
      case "notice":
      case "done":
        this.#turnEvent(event, bytes);
        break;
      case "error":
        this.#refused(event);
        break;
      case "conversation":
        if (event.conversation !== this.id || event.change !== "message") break;
        if (event.assistant_message) void this.#follow(event.assistant_message);
    }
  }

  #leave(): void {
    if (this.id !== null) this.wire.send({ type: "detach", conversation: this.id });
    this.#visit += 1;
    this.view = null;
    this.path.clear();
    this.turns.clear();
    this.#sending.clear();
  }

  /** Loads the path through `leaf`; `accept` may turn the page down. */
  async #load(
    leaf: string | null,
    take: (page: MessagePage) => void,
    opened: boolean,
    accept: (page: MessagePage) => boolean = () => true,
  ): Promise<void> {
    const { id } = this;
    const visit = this.#visit;
    if (id === null) return;
    try {
      const page = await this.api.messages(id, leaf, null);
      if (visit !== this.#visit || !accept(page)) return;
      this.turns.learn(page.items);
      take(page);
      this.view = page.conversation;
      this.emit("conversation", this.view);
      this.emit("path", { opened });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (visit === this.#visit) this.emit("missing", error);
    }
  }

  async #fetchOlder(): Promise<void> {
    const { id, path } = this;
    const visit = this.#visit;
    if (id === null || path.first === undefined || !path.hasMore) return;
    const page = await this.api.messages(id, path.leaf?.id ?? null, path.first.id);
    if (visit !== this.#visit) return;
    path.prepend(page);
    this.emit("path", { opened: false });
  }

  #accepted(event: Accepted): void {
    const command = this.#sending.settle(event.id);
    if (command === undefined) {
      if (event.conversation === this.id) void this.#follow(event.assistant_message, event);
      return;
    }
    this.turns.begin(event.turn, event.epoch);
    this.emit("answering", null);
    if (command.type === "chat") this.#confirm(event);
    else void this.switchTo(event.assistant_message);
  }

  /** The person's message is stored under its real id, and its answer has a place. */
  #confirm(event: Accepted): void {
    const question = event.user_message ?? event.id;
    this.path.rename(event.id, { id: question, siblings: [question] });
    this.path.append(emptyAnswer(event, question));
    const begins = this.id === null;
    this.id = event.conversation;
    if (begins) {
      this.emit("begun", event.conversation);
      this.attach();
    }
    this.emit("path", { opened: false });
  }

  /** Somebody else, or another tab, wrote here. */
  async #follow(answer: string, event?: Accepted): Promise<void> {
    if (this.path.find(answer) !== undefined) return;
    if (event !== undefined) this.turns.begin(event.turn, event.epoch);
    await this.#load(answer, this.#refresh, false, (page) => this.path.meets(page));
    this.attach();
  }

  #catchUp(running: readonly string[]): void {
    const missed = this.turns.missed(running);
    for (const turn of missed) this.turns.forget(turn);
    if (missed.length > 0) void this.refresh();
  }

  #turnEvent(event: TurnEvent, bytes: number): void {
    if (event.type === "snapshot" && event.conversation === this.id) {
      this.turns.begin(event.turn, event.epoch);
    }
    const outcome = this.turns.apply(event, bytes);
    if (outcome === "gap") this.attach();
    if (outcome !== "applied") return;
    const message = this.path.byTurn(event.turn);
    if (message === undefined) return;
    if (event.type === "done") void this.#ended(message);
    else this.emit("message", message.id);
  }

  /** Keeps the whole text, and fetches it if its fingerprint says that something is missing. */
  async #ended(message: MessageView): Promise<void> {
    const whole = this.shown(message);
    if (whole.turn === null) return;
    this.path.setTurn(message.id, whole.turn, whole.content, whole.reasoning ?? "");
    this.turns.forget(whole.turn.id);
    this.emit("message", message.id);
    this.emit("answered", whole);
    if (!(await matchesFingerprint(whole.content, whole.turn.sha256))) await this.refresh();
  }

  #refused(event: ErrorEvent): void {
    const command = event.id ? this.#sending.settle(event.id) : undefined;
    if (command === undefined && event.id) return;
    if (command !== undefined && this.path.remove(command.id)) this.emit("path", { opened: false });
    this.emit("refused", { text: textOf(command), fault: event });
  }
}
