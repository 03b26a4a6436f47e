/** Everything the page holds: who is here, the list, the open conversation, models, budget, the socket. */

import { Api, ApiError } from "./api";
import type { Timers } from "./models/ack_policy";
import { Connection, type Status } from "./models/connection";
import { ConversationList } from "./models/conversation_list";
import { Drafts, putBack } from "./models/drafts";
import { Emitter } from "./models/emitter";
import { chooseModel, modelOf } from "./models/model_choice";
import { OpenConversation } from "./models/open_conversation";
import type { ConversationChanged, ErrorEvent, Event, Limits, Person } from "./models/protocol";
import { Waking } from "./models/waking";
import type { Boot, BudgetView, ModelList, ModelView } from "./models/views";
import { listen } from "./page_life";
import { refusedText } from "./models/waiting_line";

export interface SessionEvents {
  list: null;
  budget: BudgetView;
  /** The models are known, or another one is chosen. */
  models: null;
  status: Status;
  limits: Limits;
  people: readonly Person[];
  writing: Person;
  /** A text goes into the composer, to be sent or changed by the person. */
  compose: string;
  /** The person wants to edit their last message. */
  editLast: null;
}

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
  readonly connection: Connection;
  readonly thread: OpenConversation;
  limits = DEFAULT_LIMITS;
  models: ModelList | null = null;
  budget: BudgetView | null = null;

  constructor(
    readonly boot: Boot,
    csrfToken: string,
  ) {
    super();
    this.api = new Api(csrfToken);
    this.connection = new Connection(openSocket, this.#handlers(), browserTimers);
    this.thread = new OpenConversation(this.api, this.connection, boot.user, browserTimers);
    const limit = boot.limits.message_characters ?? boot.limits.max_message_characters;
    if (limit) this.limits = { ...this.limits, max_message_characters: limit };
    this.thread.on("begun", (id) => this.#begun(id));
    this.thread.on("answered", () => void this.refreshBudget());
    this.thread.on("answering", () => void this.refreshBudget());
  }

  start(): void {
    this.connection.connect();
    void this.thread.open(this.boot.conversation);
    void this.loadModels();
    void this.refreshBudget();
    listen(this.connection, new Waking(() => this.connection.wake(), browserTimers));
    window.addEventListener("popstate", () => void this.thread.open(conversationInAddress()));
  }

  /** Shows a conversation, or with null a new one, and puts it into the address. */
  go(id: string | null): void {
    if (conversationInAddress() !== id) history.pushState(null, "", id === null ? "/" : `/c/${id}/`);
    void this.thread.open(id);
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
      ready: (event: { limits: Limits }) => {
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
    if (event.type === "error") this.#keepRefused(event);
    this.thread.handle(event, bytes);
  }

  /** A message that waited in another conversation is refused: its text is there when one returns. */
  #keepRefused(event: ErrorEvent): void {
    const refused = refusedText(event);
    if (refused === null || refused.conversation === this.thread.id) return;
    const { conversation, content } = refused;
    this.drafts.keepText(conversation, putBack(content, this.drafts.text(conversation)));
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

function openSocket(): WebSocket {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}/ws/chat/`, ["tram.v1"]);
}

/** The conversation that the page's address names, or null. */
export function conversationInAddress(): string | null {
  return /^\/c\/([0-9a-f-]{36})\/?$/.exec(location.pathname)?.[1] ?? null;
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
