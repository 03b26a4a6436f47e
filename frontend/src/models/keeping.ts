/** Keeps a path and its turns as the server has them: pages, the socket's frames, and what they say of each other. */

import type { Api, ApiError } from "../api";
import type { Timers } from "./ack_policy";
import { Answers } from "./answers";
import type { Connection } from "./connection";
import { Following } from "./following";
import { Pages } from "./pages";
import type { Path } from "./path";
import type { ErrorEvent, TurnEvent } from "./protocol";
import { TurnBook } from "./turn_book";
import { Verifying } from "./verifying";
import type { ConversationView, MessageView } from "./views";

export interface KeepingHandlers {
  /** A page was taken into the path. */
  shown(conversation: ConversationView, opened: boolean): void;
  touched(message: string): void;
  answered(message: MessageView): void;
  failed(error: ApiError): void;
  /** Something sent is not answered yet. */
  busy(): boolean;
}

export class Keeping {
  readonly turns: TurnBook;
  readonly #pages: Pages;
  readonly #following: Following;
  readonly #verifying: Verifying;
  readonly #answers: Answers;
  #conversation: string | null = null;
  #isShown = false;
  /** How many pages had been asked for when the conversation was attached to. */
  #askedBefore = 0;

  constructor(
    api: Api,
    wire: Pick<Connection, "send">,
    timers: Timers,
    private readonly path: Path,
    handlers: KeepingHandlers,
  ) {
    this.turns = new TurnBook((turn, seq) => wire.send({ type: "ack", turn, seq }), timers);
    this.#following = new Following(this.turns, (command) => wire.send(command), timers);
    this.#verifying = new Verifying((command) => wire.send(command), timers);
    this.#pages = new Pages(api, path, timers, {
      taking: ({ items }) => this.turns.learn(items).forEach((ended) => handlers.answered(ended)),
      taken: ({ conversation }, opened) => {
        this.#isShown = true;
        handlers.shown(conversation, opened);
        this.#answers.pathChanged();
      },
      failed: (error) => handlers.failed(error),
      busy: () => handlers.busy(),
    });
    this.#answers = new Answers(path, this.turns, this.#following, this.#verifying, {
      touched: (id) => handlers.touched(id),
      answered: (message) => handlers.answered(message),
      // While the first page is on its way it will have the message.
      unknown: (answer) => void (this.#isShown && this.follow(answer)),
      doubtful: () => void this.refresh(),
    });
  }

  /** Lets go of everything; pages and frames are of this conversation from now on. */
  leave(next: string | null): void {
    this.#conversation = next;
    this.#isShown = false;
    this.#following.leave();
    this.turns.clear();
    this.#pages.visit(next);
  }

  /** Loads the newest page of a conversation just come to. */
  async open(): Promise<void> {
    // Attached first, nothing gets lost between the page and the first frame.
    this.attach();
    await this.#pages.open();
    this.#following.askForUnknown();
  }

  /** The conversation has begun here: the server shows it to us already. */
  begun(conversation: string): void {
    this.#conversation = conversation;
    this.#isShown = true;
    this.#pages.named(conversation);
    this.#following.adopt(conversation);
  }

  /** Watches the conversation over a new connection, from where the page stands. */
  attach(): void {
    this.#askedBefore = this.#pages.asked;
    if (this.#conversation !== null) this.#following.begin(this.#conversation);
    this.#verifying.tell();
  }

  /** Whether the server is sending what the page does not have yet, or there is nothing to send. */
  get caughtUp(): boolean {
    return this.#conversation === null || this.#following.caughtUp;
  }

  /** Once the server sends what is missing, the path is fetched, unless that was asked for since. */
  attached(): void {
    this.#following.attached();
    if (this.caughtUp && this.#pages.asked === this.#askedBefore) void this.refresh();
  }

  /** Takes the refusal of an attach; false if it is one of something else. */
  refused(event: ErrorEvent): boolean {
    return this.#following.refused(event);
  }

  /** A turn is said to run: its frames are taken from now on. */
  begin(turn: string, epoch: number): void {
    this.#answers.begin(turn, epoch);
  }

  take(event: TurnEvent, bytes: number): void {
    const isOurs = "conversation" in event && event.conversation === this.#conversation;
    this.#answers.take(event, bytes, isOurs);
  }

  /** Shows the branch that goes through a message. */
  async through(message: string): Promise<void> {
    await this.#pages.through(message);
    this.#following.askForUnknown();
  }

  /** Shows an answer of somebody else, or of another tab, if it goes on from what is read here. */
  async follow(answer: string): Promise<void> {
    if (this.path.find(answer) !== undefined) return;
    await this.#pages.through(answer, (page) => this.path.meets(page));
    this.#following.askForUnknown();
  }

  /** The path got something that no page on its way can have. */
  added(): void {
    this.#pages.added();
  }

  refresh(): Promise<void> {
    return this.#pages.refresh();
  }

  /** Does what was put off while something was not answered. */
  settled(): Promise<void> {
    return this.#pages.settled();
  }

  older(): Promise<void> {
    return this.#pages.older();
  }
}
