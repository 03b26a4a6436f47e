/** Everything the page holds: who is here, the list, the open conversation, models, budget, the socket. */

import { conversationInAddress, openings } from "./address";
import { Api, ApiError } from "./api";
import type { Timers } from "./models/ack_policy";
import { Asking } from "./models/asking";
import { Connection, type Status } from "./models/connection";
import { ConversationList } from "./models/conversation_list";
import { Drafts, putBack } from "./models/drafts";
import { Emitter } from "./models/emitter";
import { Forecasting } from "./models/forecasting";
import { chooseModel, modelOf } from "./models/model_choice";
import { OpenConversation } from "./models/open_conversation";
import { Outbox } from "./models/outbox";
import type { Command, ConversationChanged, ErrorEvent, Event, Limits, Ready, Start } from "./models/protocol";
import { textOf } from "./models/sending";
import type { SessionEvents } from "./models/session_events";
import { ToldBook } from "./models/told";
import { Waking } from "./models/waking";
import type { Boot, BudgetView, ModelList, ModelView } from "./models/views";
import { listen } from "./page_life";
import { refusedText } from "./models/waiting_line";

const DEFAULT_LIMITS: Pick<Limits, "max_message_characters" | "max_frame_bytes"> = {
  max_message_characters: 200_000,
  max_frame_bytes: 262_144,
};

export const browserTimers: Timers = {
  set: (callback, delayMs) => window.setTimeout(callback, delayMs),
  clear: (timer) => window.clearTimeout(timer as number),
};

export class Session extends Emitter<SessionEvents> {
  readonly api: Api;
  readonly list = new ConversationList();
  readonly drafts = new Drafts(localStorage);
  readonly outbox: Outbox;
  readonly connection: Connection;
  readonly thread: OpenConversation;
  /** Of the message in the composer. */
  readonly forecast: Forecasting;
  readonly told = new ToldBook();
  readonly #asking: Asking;
  limits = DEFAULT_LIMITS;
  models: ModelList | null = null;
  budget: BudgetView | null = null;

  constructor(
    readonly boot: Boot,
    csrfToken: string,
  ) {
    super();
    this.api = new Api(csrfToken);
    this.connection = new Connection(openings(csrfToken, browserTimers), this.#handlers(), browserTimers);
    this.outbox = new Outbox(localStorage, boot.user.id);
    const wire = {
      start: (command: Start) => this.#startTurn(command),
      send: (command: Exclude<Command, Start>) => this.connection.send(command),
    };
    this.#asking = new Asking((wish, signal) => this.api.estimate(wish, signal));
    this.forecast = this.newForecast();
    this.thread = new OpenConversation(this.api, wire, boot.user, browserTimers);
    const limit = boot.limits.message_characters ?? boot.limits.max_message_characters;
    if (limit) this.limits = { ...this.limits, max_message_characters: limit };
    this.thread.on("begun", (id) => this.#begun(id));
    this.thread.on("answered", () => void this.refreshBudget());
    this.thread.on("answering", () => void this.refreshBudget());
  }

  start(): void {
    for (const { command } of this.outbox.all()) this.connection.start(command);
    this.connection.connect();
    this.#open(this.boot.conversation);
    void this.loadModels();
    void this.refreshBudget();
    listen(this.connection, new Waking(() => this.connection.wake(), browserTimers));
    window.addEventListener("popstate", () => this.#open(conversationInAddress()));
  }

  #open(id: string | null): void {
    void this.thread.open(id);
    for (const { command, conversation } of this.outbox.all()) {
      if (command.type === "chat" && conversation === id) this.thread.resume(command);
    }
  }

  #startTurn(command: Start): void {
    this.outbox.keep(command, this.thread.id);
    this.connection.start(command);
  }

  /** Shows a conversation, or with null a new one, and puts it into the address. */
  go(id: string | null): void {
    if (conversationInAddress() !== id) history.pushState(null, "", id === null ? "/" : `/c/${id}/`);
    this.#open(id);
  }

  /** Whether the person's role in this team lets them send. */
  get mayWrite(): boolean {
    return this.boot.team !== null && this.boot.team.role !== "viewer";
  }

  /** Whether the person may stop answers, their own and those of others. */
  get mayInterrupt(): boolean {
    return this.mayWrite;
  }

  get model(): ModelView | null {
    if (this.models === null) return null;
    const remembered = this.drafts.model(this.thread.id);
    const answers = this.thread.path.messages.findLast((message) => message.model);
    const last = answers?.model ?? this.thread.view?.model ?? null;
    return modelOf(this.models, chooseModel(this.models, remembered, last));
  }

  /** The ids of the models that can be chosen; undefined while they are not known. */
  get usableModels(): ReadonlySet<string> | undefined {
    const usable = this.models?.items.filter((model) => model.available && !model.hidden);
    return usable && new Set(usable.map((model) => model.id));
  }

  /** The model to ask, also before the list of models is there. */
  get modelChoice(): { model?: string } {
    const id = this.model?.id ?? this.drafts.model(this.thread.id) ?? this.thread.view?.model;
    return id ? { model: id } : {};
  }

  chooseModel(id: string): void {
    this.drafts.keepModel(this.thread.id, id);
    this.emit("models", null);
  }

  newForecast(): Forecasting {
    return new Forecasting((wish, signal) => this.#asking.ask(wish, signal), browserTimers);
  }

  async refreshBudget(): Promise<void> {
    try {
      this.budget = await this.api.budget();
      this.emit("budget", this.budget);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** Fetches the models and their prices, again and again until there are some. */
  async loadModels(): Promise<void> {
    try {
      this.models = await this.api.models();
      this.#asking.forget();
      this.emit("models", null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.models === null) window.setTimeout(() => void this.loadModels(), 5_000);
    }
  }

  #begun(id: string): void {
    const chosen = this.drafts.model(null);
    if (chosen !== null) this.drafts.keepModel(id, chosen);
    history.replaceState(null, "", `/c/${id}/`);
    void this.reloadConversation(id);
  }

  /** Fetches one conversation's line of the list. */
  async reloadConversation(id: string): Promise<void> {
    try {
      const view = await this.api.conversation(id);
      // The socket tells of every team of the person; the list shows one.
      if (view.team === this.boot.team?.id) this.list.add([view]);
      if (this.thread.id === id) {
        this.thread.view = view;
        this.thread.emit("conversation", view);
      }
      this.emit("list", null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #handlers() {
    return {
      ready: (event: Ready) => {
        if (event.team !== null) this.#setRole(event.team.id, event.team.role);
        this.limits = event.limits;
        this.emit("limits", event.limits);
        this.thread.attach();
      },
      event: (event: Event, bytes: number) => this.#event(event, bytes),
      status: (status: Status) => this.emit("status", status),
    };
  }

  #event(event: Event, bytes: number): void {
    if (event.type === "conversation") this.#changed(event);
    else if (event.type === "presence" && event.conversation === this.thread.id) {
      this.emit("people", event.people);
    } else if (event.type === "typing" && event.conversation === this.thread.id) {
      this.emit("writing", event.person);
    }
    if (event.type === "role") this.#setRole(event.team, event.role);
    if (event.type === "accepted" || event.type === "queued") this.outbox.take(event.id);
    if (event.type === "error") this.#keepRefused(event);
    this.told.handle(event);
    this.#asking.handle(event);
    this.thread.handle(event, bytes);
  }

  #setRole(team: string, role: string | null): void {
    if (this.boot.team === null || this.boot.team.id !== team || this.boot.team.role === role) return;
    this.boot.team.role = role ?? "viewer";
    this.emit("role", null);
  }

  /** A message of another conversation is refused: its text is there when one returns. */
  #keepRefused(event: ErrorEvent): void {
    const sent = event.id && event.code !== "restarting" ? this.outbox.take(event.id) : undefined;
    const content = textOf(sent?.command) ?? refusedText(event)?.content;
    const conversation = sent?.conversation ?? refusedText(event)?.conversation ?? null;
    if (!content) return;
    if (conversation === this.thread.id) {
      // What was sent before the page was loaded may be known nowhere else.
      if (sent && !this.thread.awaits(sent.command.id)) this.thread.emit("refused", { text: content, fault: event });
    } else this.drafts.keepText(conversation, putBack(content, this.drafts.text(conversation)));
  }

  #changed(event: ConversationChanged): void {
    if (event.change !== "deleted") {
      void this.reloadConversation(event.conversation);
      return;
    }
    this.list.remove(event.conversation);
    this.emit("list", null);
  }
}

let current: Session | null = null;

/** The page's session; made once, when the page starts. */
export function session(): Session {
  if (current === null) throw new Error("the page has not started");
  return current;
}

export function begin(boot: Boot, csrfToken: string): Session {
  current = new Session(boot, csrfToken);
  return current;
}
