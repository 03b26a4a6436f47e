/** The messages: shows the open conversation's path, and takes what is done to a message. */

import { Controller } from "@hotwired/stimulus";
import { ApiError } from "../api";
import { siblingAt } from "../models/path";
import { t } from "../models/words";
import { element, part } from "../rendering/elements";
import { MessageElement } from "../rendering/message";
import { session } from "../session";
import { openAgain } from "./again_controller";
import { closeEditor, editedText, forecastEdit, openEditor, toldOfEdit } from "./editor";
import { toldIn } from "./forecasts";
import { MessageList } from "./message_list";
import { Reader } from "./reader";

const SKELETON_AFTER_MS = 200;

export default class ThreadController extends Controller<HTMLElement> {
  static override targets = ["messages", "older", "welcome", "missing", "skeleton"];
  declare readonly messagesTarget: HTMLElement;
  declare readonly olderTarget: HTMLElement;
  declare readonly welcomeTarget: HTMLElement;
  declare readonly missingTarget: HTMLElement;
  declare readonly skeletonTarget: HTMLElement;

  #reader!: Reader;
  #list!: MessageList;
  #ends: (() => void)[] = [];
  #skeletonTimer = 0;

  override connect(): void {
    const { thread } = session();
    this.#reader = new Reader(this.element);
    this.#list = new MessageList(this.messagesTarget, this.#reader);
    this.#ends = [
      thread.on("path", ({ opened }) => this.#showPath(opened)),
      thread.on("message", (id) => this.#list.touch(id)),
      thread.on("missing", (error) => this.#showMissing(error)),
      session().on("models", () => this.#modelsChanged()),
      session().on("role", () => this.#list.sync(thread.path.messages)),
      session().on("editLast", () => this.#editLast()),
    ];
    this.element.addEventListener("reader:far", this.#tellNewest);
    this.element.addEventListener("reader:near", this.#tellNewest);
  }

  override disconnect(): void {
    for (const end of this.#ends) end();
    this.#reader.disconnect();
  }

  readonly #tellNewest = (event: Event): void => {
    this.dispatch("distance", { target: document.body, detail: { far: event.type === "reader:far" } });
  };

  scrolled(): void {
    this.#reader.scrolled();
    if (this.element.scrollTop < this.element.clientHeight) void this.#loadOlder();
  }

  goToNewest(): void {
    this.#reader.toNewest();
  }

  /** Asks by which model, and tells what that may cost. */
  again(event: Event): void {
    const message = this.#messageOf(event);
    if (message !== null) openAgain({ message: message.id, button: event.currentTarget as HTMLButtonElement });
  }

  retry(event: Event): void {
    const { thread, modelChoice, told } = session();
    const message = this.#messageOf(event);
    if (message === null || thread.busy) return;
    const estimate = toldIn(part(message.root, "ending-estimate"));
    told.sent(thread.ask({ type: "regenerate", message: message.id, ...modelChoice }), estimate);
    this.#reader.toNewest();
  }

  goOn(event: Event): void {
    const { thread, told } = session();
    const message = this.#messageOf(event);
    if (message === null || thread.busy) return;
    const estimate = toldIn(part(message.root, "ending-estimate"));
    told.sent(thread.ask({ type: "continue", message: message.id }), estimate);
  }

  branchBack(event: Event): void {
    this.#switchBranch(event, -1);
  }

  branchOn(event: Event): void {
    this.#switchBranch(event, 1);
  }

  edit(event: Event): void {
    const message = this.#messageOf(event);
    if (message !== null) this.#openEditor(message);
  }

  dropEdit(event: Event): void {
    const message = this.#messageOf(event);
    if (message !== null) closeEditor(message);
  }

  typedEdit(event: Event): void {
    const message = this.#messageOf(event);
    if (message !== null) forecastEdit(message);
  }

  editKey(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.dropEdit(event);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.keepEdit(event);
  }

  keepEdit(event: Event): void {
    event.preventDefault();
    const { thread, modelChoice, told } = session();
    const message = this.#messageOf(event);
    if (message === null || thread.busy) return;
    const text = editedText(message);
    const estimate = toldOfEdit(message);
    closeEditor(message);
    if (text.trim() === "" || text === message.view?.content) return;
    told.sent(thread.ask({ type: "edit", message: message.id, content: text, ...modelChoice }), estimate);
    this.#reader.toNewest();
  }

  unfold(event: Event): void {
    const message = this.#messageOf(event);
    if (message === null) return;
    message.root.dataset["unfolded"] = "";
    message.root.removeAttribute("data-folded");
    part(message.root, "more").hidden = true;
  }

  example(event: Event): void {
    if (event.currentTarget instanceof HTMLElement) {
      session().emit("compose", event.currentTarget.textContent?.trim() ?? "");
    }
  }

  #modelsChanged(): void {
    const { messages } = session().thread.path;
    this.#list.sync(messages);
    for (const editor of this.messagesTarget.querySelectorAll<HTMLElement>("[data-editing]")) {
      const message = this.#list.get(editor.dataset["message"] ?? "");
      if (message !== undefined) forecastEdit(message);
    }
  }

  #messageOf(event: Event): MessageElement | null {
    const root = (event.target as Element | null)?.closest<HTMLElement>("[data-message]");
    return this.#list.get(root?.dataset["message"] ?? "") ?? null;
  }

  #switchBranch(event: Event, step: number): void {
    const view = this.#messageOf(event)?.view;
    const sibling = view ? siblingAt(view, step) : null;
    if (sibling !== null) void session().thread.switchTo(sibling);
  }

  #editLast(): void {
    const last = session().thread.path.messages.findLast((message) => message.role === "user");
    const shown = last === undefined ? undefined : this.#list.get(last.id);
    if (shown !== undefined) this.#openEditor(shown);
  }

  #openEditor(message: MessageElement): void {
    // The editor makes the thread longer; following its end would push the editor out of view.
    this.#reader.stay();
    openEditor(message);
  }

  #showPath(opened: boolean): void {
    const { thread } = session();
    const { messages } = thread.path;
    window.clearTimeout(this.#skeletonTimer);
    this.skeletonTarget.hidden = true;
    this.missingTarget.hidden = true;
    if (opened) this.#list.clear();
    this.#list.sync(messages);
    this.welcomeTarget.hidden = thread.id !== null || messages.length > 0;
    const loading = thread.id !== null && thread.view === null && messages.length === 0;
    if (loading) this.#skeletonTimer = window.setTimeout(() => this.#showSkeleton(), SKELETON_AFTER_MS);
  }

  #showSkeleton(): void {
    this.skeletonTarget.hidden = false;
  }

  #showMissing(error: ApiError): void {
    window.clearTimeout(this.#skeletonTimer);
    this.skeletonTarget.hidden = true;
    if (session().thread.path.messages.length > 0) return;
    const gone = error.status === 404 || error.status === 403;
    const words = gone
      ? t("This conversation is not here, or not for you.")
      : t("This conversation could not be loaded. Try again in a moment.");
    const begin = element("a", { href: "/", "data-action": "page#begin" }, t("Begin a new chat"));
    this.missingTarget.replaceChildren(element("p", {}, words), element("p", {}, begin));
    this.missingTarget.hidden = false;
  }

  async #loadOlder(): Promise<void> {
    const { thread } = session();
    if (!thread.path.hasMore || this.#list.rendering) return;
    this.olderTarget.hidden = false;
    try {
      await thread.loadOlder();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    } finally {
      this.olderTarget.hidden = true;
    }
  }
}
