/** The conversation that is being read: its path of messages and its running turns. */

import type { Api } from "../api";
import type { Timers } from "./ack_policy";
import type { Connection } from "./connection";
import { Answers } from "./answers";
import { Emitter } from "./emitter";
import { Following } from "./following";
import { Pages } from "./pages";
import { Path } from "./path";
import type { Accepted, ErrorEvent, Event, Person, Start } from "./protocol";
import { emptyAnswer, type ModelChoice, Sending, textOf, unconfirmed } from "./sending";
import { TurnBook } from "./turn_book";
import type { ThreadEvents } from "./thread_events";
import { isLive } from "./turn_stream";
import { Verifying } from "./verifying";
import type { ConversationView, MessageView } from "./views";

export class OpenConversation extends Emitter<ThreadEvents> {
  id: string | null = null;
  view: ConversationView | null = null;
  readonly path = new Path();
  readonly turns: TurnBook;
  readonly #sending: Sending;
  readonly #pages: Pages;
  readonly #following: Following;
  readonly #verifying: Verifying;
  readonly #answers: Answers;
  /** How many pages had been asked for when the conversation was attached to. */
  #askedBefore = 0;
  /** The turn to stop as soon as the socket is back. */
  #stopOwed: string | null = null;

  constructor(
    api: Api,
    private readonly wire: Pick<Connection, "start" | "send">,
    private readonly me: Person,
    timers: Timers,
  ) {
    super();
    this.turns = new TurnBook((turn, seq) => wire.send({ type: "ack", turn, seq }), timers);
    this.#sending = new Sending((command: Start) => wire.start(command));
    this.#following = new Following(this.turns, (command) => wire.send(command), timers);
    this.#verifying = new Verifying((command) => wire.send(command), timers);
    this.#pages = new Pages(api, this.path, timers, {
      taking: ({ items }) => this.turns.learn(items).forEach((ended) => this.emit("answered", ended)),
      taken: ({ conversation }, opened) => this.#shows(conversation, opened),
      failed: (error) => this.emit("missing", error),
      busy: () => this.#sending.busy,
    });
    this.#answers = new Answers(this.path, this.turns, this.#following, this.#verifying, {
      touched: (id) => this.emit("message", id),
      answered: (message) => this.emit("answered", message),
      // While the first page is on its way it will have the message.
      unknown: (answer) => void (this.view && this.#follow(answer)),
      doubtful: () => void this.refresh(),
    });
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
    this.#pages.visit(id);
    if (id === null) return;
    // Attached first, nothing gets lost between the page and the first frame.
    this.attach();
    await this.#pages.open();
    this.#following.askForUnknown();
  }

  /** Shows the branch that goes through a message. */
  async switchTo(message: string): Promise<void> {
    await this.#pages.through(message);
    this.#following.askForUnknown();
  }

  /** Fetches again what is shown: something may have been missed. */
  refresh(): Promise<void> {
    return this.#pages.refresh();
  }

  /** Puts an older page before the path; one at a time. */
  loadOlder(): Promise<void> {
    return this.#pages.older();
  }

  /** Watches the conversation from where the page stands; to be called whenever the socket is ready. */
  attach(): void {
    this.#askedBefore = this.#pages.asked;
    if (this.id !== null) this.#following.begin(this.id);
    else this.emit("caughtUp", null);
    this.#verifying.tell();
    if (this.#stopOwed === this.runningTurn) this.stop();
  }

  /** Whether the server is sending what the page does not have yet, or there is nothing to send. */
  get caughtUp(): boolean {
    return this.id === null || this.#following.caughtUp;
  }

  say(content: string, model: ModelChoice): void {
    const parent = this.path.leaf?.id ?? null;
    const id = this.#sending.ask({ type: "chat", conversation: this.id, parent, content, ...model });
    this.path.append(unconfirmed(id, content, parent, this.me));
    this.#pages.added();
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
        if (event.conversation === this.id) this.#attached();
        break;
      case "snapshot":
      case "chunk":
      case "notice":
      case "done":
        this.#answers.take(event, bytes, "conversation" in event && event.conversation === this.id);
        break;
      case "error":
        this.#refused(event);
        break;
      case "conversation":
        if (event.conversation !== this.id || event.change !== "message") break;
        if (event.turn) this.#answers.begin(event.turn, 0);
        if (event.assistant_message) void this.#follow(event.assistant_message);
    }
  }

  #leave(): void {
    if (this.id !== null) this.wire.send({ type: "detach", conversation: this.id });
    this.#following.leave();
    this.view = null;
    this.path.clear();
    this.turns.clear();
    this.#sending.clear();
  }

  #shows(conversation: ConversationView, opened: boolean): void {
    this.view = conversation;
    this.emit("conversation", conversation);
    this.emit("path", { opened });
    this.#answers.pathChanged();
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
    void this.#pages.settled();
  }

  /** The person's message is stored under its real id, and its answer has a place. */
  #confirm(event: Accepted): void {
    const question = event.user_message ?? event.id;
    this.path.rename(event.id, { id: question, siblings: [question] });
    this.path.append(emptyAnswer(event, question));
    this.#pages.added();
    const begins = this.id === null;
    this.id = event.conversation;
    if (begins) {
      this.#pages.named(event.conversation);
      this.#following.adopt(event.conversation);
      this.emit("begun", event.conversation);
    }
    this.emit("path", { opened: false });
  }

  /** Somebody else, or another tab, wrote here. */
  async #follow(answer: string, event?: Accepted): Promise<void> {
    if (this.path.find(answer) !== undefined) return;
    if (event !== undefined) this.#answers.begin(event.turn, event.epoch);
    await this.#pages.through(answer, (page) => this.path.meets(page));
    this.#following.askForUnknown();
  }

  /** Once the server sends what is missing, the path is fetched, unless that was asked for since. */
  #attached(): void {
    this.#following.attached();
    if (!this.caughtUp) return;
    if (this.#pages.asked === this.#askedBefore) void this.refresh();
    this.emit("caughtUp", null);
  }

  #refused(event: ErrorEvent): void {
    if (this.#following.refused(event)) return;
    // The connection sends it again, as soon as a server takes it.
    if (event.code === "restarting" && event.id) return;
    const command = event.id ? this.#sending.settle(event.id) : undefined;
    if (command === undefined && event.id) return;
    if (command !== undefined && this.path.remove(command.id)) this.emit("path", { opened: false });
    this.emit("refused", { text: textOf(command), fault: event });
    void this.#pages.settled();
  }
}
