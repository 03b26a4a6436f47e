/** The page as a whole: keys, drawer, connection, announcements, and the room above an on-screen keyboard. */

import { Controller } from "@hotwired/stimulus";
import { ConnectionLine, type Line } from "../models/connection_line";
import { refusal } from "../models/failures";
import { shortcut, type Shortcut } from "../models/keys";
import type { ThreadEvents } from "../models/thread_events";
import type { MessageView } from "../models/views";
import { countWords, t, tn } from "../models/words";
import { element } from "../rendering/elements";
import { browserTimers, session } from "../session";

export default class PageController extends Controller<HTMLElement> {
  static override targets = ["live", "connection", "undo", "room", "drawerButton"];
  declare readonly liveTarget: HTMLElement;
  declare readonly connectionTarget: HTMLElement;
  declare readonly roomTarget: HTMLElement;
  declare readonly drawerButtonTarget: HTMLElement;

  #ends: (() => void)[] = [];
  readonly #line = new ConnectionLine((line) => this.#showLine(line), browserTimers);

  override connect(): void {
    const page = session();
    this.#ends = [
      page.on("announce", (words) => this.#announce(words)),
      page.on("status", (status) => this.#line.status(status)),
      page.thread.on("caughtUp", () => this.#line.caughtUp()),
      page.thread.on("answering", () => this.#announce(t("Answering"))),
      page.thread.on("line", (line) => this.#announceLine(line)),
      page.thread.on("answered", (message) => this.#announceEnd(message)),
      page.thread.on("path", ({ opened }) => opened && this.closeDrawer()),
    ];
    window.addEventListener("online", this.#network);
    window.addEventListener("offline", this.#network);
    window.visualViewport?.addEventListener("resize", this.#fit);
    window.visualViewport?.addEventListener("scroll", this.#fit);
    this.#fit();
  }

  override disconnect(): void {
    for (const end of this.#ends) end();
    window.removeEventListener("online", this.#network);
    window.removeEventListener("offline", this.#network);
    window.visualViewport?.removeEventListener("resize", this.#fit);
    window.visualViewport?.removeEventListener("scroll", this.#fit);
  }

  /** The page is as high as what the keyboard leaves, except when the person has zoomed in. */
  readonly #fit = (): void => {
    const viewport = window.visualViewport;
    if (viewport === null || viewport.scale > 1.01) return;
    this.element.style.setProperty("--room-height", `${viewport.height}px`);
    this.element.style.setProperty("--room-top", `${viewport.offsetTop}px`);
  };

  readonly #network = (): void => this.#line.network(navigator.onLine);

  key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const typing = target.matches("input, textarea, select, [contenteditable]");
    const wanted = shortcut(event, typing);
    if (wanted === null || event.defaultPrevented) return;
    if (this.#act(wanted)) event.preventDefault();
  }

  #act(wanted: Shortcut): boolean {
    const inDialog = document.querySelector("dialog[open], [popover]:popover-open") !== null;
    switch (wanted) {
      case "search":
        document.getElementById("palette")?.dispatchEvent(new CustomEvent("palette:open"));
        return true;
      case "new":
        this.#begin();
        return true;
      case "help":
        if (!inDialog) (document.getElementById("shortcuts") as HTMLDialogElement | null)?.showModal();
        return !inDialog;
      case "stop":
        if (inDialog) return false;
        if (this.element.hasAttribute("data-drawer")) this.closeDrawer();
        else document.querySelector<HTMLFormElement>(".composer [data-state=stop]")?.click();
        return true;
    }
  }

  begin(event: MouseEvent): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.#begin();
  }

  #begin(): void {
    session().go(null);
    document.getElementById("composer-text")?.focus();
  }

  openDrawer(): void {
    this.element.dataset["drawer"] = "";
    this.roomTarget.inert = true;
    this.drawerButtonTarget.setAttribute("aria-expanded", "true");
    document.querySelector<HTMLElement>("#sidebar .drawer-only")?.focus();
  }

  closeDrawer(): void {
    if (!this.element.hasAttribute("data-drawer")) return;
    delete this.element.dataset["drawer"];
    this.roomTarget.inert = false;
    this.drawerButtonTarget.setAttribute("aria-expanded", "false");
    this.drawerButtonTarget.focus();
  }

  #showLine(line: Line): void {
    this.connectionTarget.toggleAttribute("data-stays", line.says === "streaming");
    this.connectionTarget.replaceChildren(...wordsOf(line));
  }

  #announceLine({ position, refused }: ThreadEvents["line"]): void {
    if (refused?.refused) this.#announce(t("Not sent: {reason}", { reason: refusal(refused.refused) }));
    else if (position !== null) this.#announce(t("Your message waits as number {position}", { position }));
  }

  #announceEnd(message: MessageView): void {
    if (message.turn?.state === "orphaned") this.#line.answerCut();
    const words = countWords(message.content);
    if (message.turn?.state === "completed") {
      this.#announce(tn("Answer ready, {count} word", "Answer ready, {count} words", words));
    } else if (message.turn?.state === "interrupted") this.#announce(t("Answer stopped"));
    else this.#announce(t("The answer failed"));
  }

  #announce(words: string): void {
    this.liveTarget.textContent = words;
  }
}

function wordsOf(line: Line): (string | Node)[] {
  switch (line.says) {
    case "nothing":
      return [];
    case "reconnecting":
      return [t("Reconnecting…")];
    case "offline":
      return [t("No network. This page goes on as soon as there is one.")];
    case "back":
      return [t("Back. Nothing was lost.")];
    case "cut":
      return [t("Back. An answer was cut short; what came of it is kept.")];
    case "streaming":
      return [t("The live connection is blocked here. Answers still stream.")];
    case "stopped":
      return stoppedWords(line.reason);
  }
}

function stoppedWords(reason: "signed_out" | "forbidden" | "protocol"): (string | Node)[] {
  if (reason === "signed_out") {
    const next = `/accounts/login/?next=${encodeURIComponent(location.pathname)}`;
    return [t("You are signed out."), " ", element("a", { href: next }, t("Sign in again"))];
  }
  return [t("This page is out of date."), " ", element("a", { href: location.href }, t("Load it again"))];
}
