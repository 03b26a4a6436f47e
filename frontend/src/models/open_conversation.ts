/** The conversation that is being read: its path of messages and its running turns. */

import type { Api } from "../api";
import type { Timers } from "./ack_policy";
import type { Connection } from "./connection";
import { Emitter } from "./emitter";
import { Keeping } from "./keeping";
import { Path } from "./path";
import type { Accepted, Chat, ErrorEvent, Event, Person, Queued, Start } from "./protocol";
import { emptyAnswer, type ModelChoice, Sending, textOf, unconfirmed, type Unsent } from "./sending";
import type { TurnBook } from "./turn_book";
import type { ThreadEvents } from "./thread_events";
import { isLive } from "./turn_stream";
import type { ConversationView, MessageView } from "./views";
import { WaitingLine } from "./waiting_line";

export class OpenConversation extends Emitter<ThreadEvents> {
  id: string | null = null;
  view: ConversationView | null = null;
  readonly path = new Path();
  readonly line: WaitingLine;
  readonly #sending: Sending;
  readonly #kept: Keeping;
  /** The turn to stop as soon as the socket is back. */
  #stopOwed: string | null = null;

  constructor(
    api: Api,
    private readonly wire: Pick<Connection, "start" | "send">,
    private readonly me: Person,
    timers: Timers,
  ) {
    super();
    this.line = new WaitingLine(me, (position, refused) => this.emit("line", { position, refused }));
    this.#sending = new Sending((command: Start) => wire.start(command));
    this.#kept = new Keeping(api, wire, timers, this.path, {
      shown: (conversation, opened) => this.#shows(conversation, opened),
      touched: (id) => this.emit("message", id),
      answered: (message) => this.emit("answered", message),
      failed: (error) => this.emit("missing", error),
      busy: () => this.#sending.busy,
    });
  }

  get turns(): TurnBook {
    return this.#kept.turns;
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
    this.#leave(id);
    this.id = id;
    this.emit("conversation", null);
    this.emit("path", { opened: true });
    if (id !== null) await this.#kept.open();
  }

  /** Shows the branch that goes through a message. */
  switchTo(message: string): Promise<void> {
    return this.#kept.through(message);
  }

  /** Fetches again what is shown: something may have been missed. */
  refresh(): Promise<void> {
    return this.#kept.refresh();
  }

  /** Puts an older page before the path; one at a time. */
  loadOlder(): Promise<void> {
    return this.#kept.older();
  }

  /** Watches the conversation from where the page stands; to be called whenever the socket is ready. */
  attach(): void {
    this.#kept.attach();
    if (this.id === null) this.emit("caughtUp", null);
    if (this.#stopOwed === this.runningTurn) this.stop();
  }

  /** Whether the server is sending what the page does not have yet, or there is nothing to send. */
  get caughtUp(): boolean {
    return this.#kept.caughtUp;
  }

  /** Sends a message under the id it returns; while an answer is being written it waits for its end. */
  say(content: string, model: ModelChoice): string {
    // What is not confirmed has no name yet: the message goes below it, at the conversation's end.
    const parent = this.#sending.busy ? null : (this.path.leaf?.id ?? null);
    const waits = this.busy;
    const id = this.#sending.ask({ type: "chat", conversation: this.id, parent, content, ...model });
    if (waits) this.line.add(id, content);
    else this.#add(id, content, parent);
    return id;
  }

  #add(...message: [id: string, content: string, parent: string | null]): void {
    this.path.append(unconfirmed(...message, this.me));
    this.#kept.added();
    this.emit("path", { opened: false });
  }

  /** Shows a message that was sent before the page was loaded again and may not have been answered. */
  resume(command: Chat): void {
    if (this.id !== null) return this.line.add(command.id, command.content);
    this.#sending.resume(command);
    this.#add(command.id, command.content, null);
  }

  /** Whether what was sent under this id is shown here as not answered. */
  awaits(id: string): boolean {
    return this.#sending.has(id) || this.line.messages.some((each) => each.id === id);
  }

  /** Takes back a message of one's own that still waits. */
  withdraw(id: string): void {
    this.line.withdraw(id);
    this.wire.send({ type: "withdraw", id });
  }

  /** Asks for an answer again, for one to a changed message, or for the rest of one; under the id it returns. */
  ask(command: Unsent): string {
    return this.#sending.ask(command);
  }

  stop(): void {
    const turn = this.runningTurn;
    const told = turn === null || this.wire.send({ type: "interrupt", turn });
    this.#stopOwed = told ? null : turn;
  }

  /** Takes an event; `bytes` is its frame's size. */
  handle(event: Event, bytes: number): void {
    switch (event.type) {
      case "accepted":
        this.#accepted(event);
        break;
      case "attached":
        if (event.conversation === this.id) this.#attached();
        break;
      case "snapshot":
      case "chunk":
      case "notice":
      case "done":
        this.#kept.take(event, bytes);
        break;
      case "error":
        this.#refused(event);
        break;
      case "queued":
        this.#queued(event);
        break;
      case "queue":
        this.line.handle(event, this.id);
        break;
      case "conversation":
        if (event.conversation !== this.id || event.change !== "message") break;
        if (event.turn) this.#kept.begin(event.turn, 0);
        if (event.assistant_message) void this.#kept.follow(event.assistant_message);
    }
  }

  #leave(next: string | null): void {
    if (this.id !== null) this.wire.send({ type: "detach", conversation: this.id });
    this.#kept.leave(next);
    this.view = null;
    this.path.clear();
    this.line.clear();
    this.#sending.clear();
  }

  #shows(conversation: ConversationView, opened: boolean): void {
    this.view = conversation;
    this.emit("conversation", conversation);
    this.emit("path", { opened });
  }

  /** A message waits: also one that was shown in its place, because somebody else was quicker. */
  #queued(event: Queued): void {
    const content = textOf(this.#sending.settle(event.id));
    if (this.path.remove(event.id)) this.emit("path", { opened: false });
    if (content !== null) this.line.add(event.id, content);
    this.line.handle(event, this.id);
    void this.#kept.settled();
  }

  #accepted(event: Accepted): void {
    const command = this.#sending.settle(event.id);
    const waited = this.line.take(event.id) !== null;
    if (command === undefined || waited) return event.conversation === this.id ? this.#joins(event) : undefined;
    this.#kept.begin(event.turn, event.epoch);
    this.emit("answering", null);
    if (command.type === "chat") this.#confirm(event);
    else void this.switchTo(event.assistant_message);
    void this.#kept.settled();
  }

  /** The person's message is stored under its real id, and its answer has a place. */
  #confirm(event: Accepted): void {
    const question = event.user_message ?? event.id;
    this.path.rename(event.id, { id: question, siblings: [question] });
    this.path.append(emptyAnswer(event, question));
    this.#kept.added();
    const begins = this.id === null;
    this.id = event.conversation;
    if (begins) {
      this.#kept.begun(event.conversation);
      this.emit("begun", event.conversation);
    }
    this.emit("path", { opened: false });
  }

  /** Another tab asked, or a message that waited is answered now. */
  #joins(event: Accepted): void {
    this.#kept.begin(event.turn, event.epoch);
    void this.#kept.follow(event.assistant_message);
  }

  #attached(): void {
    this.#kept.attached();
    if (this.caughtUp) this.emit("caughtUp", null);
  }

  #refused(event: ErrorEvent): void {
    if (this.#kept.refused(event)) return;
    // The connection sends it again, as soon as a server takes it.
    if ((event.code === "restarting" && event.id) || this.line.tooLate(event)) return;
    const command = event.id ? this.#sending.settle(event.id) : undefined;
    const waited = this.line.refused(event, this.id);
    if (command === undefined && event.id && !waited) return;
    if (command !== undefined && this.path.remove(command.id)) this.emit("path", { opened: false });
    this.emit("refused", { text: textOf(command) ?? waited, fault: event });
    void this.#kept.settled();
  }
}
