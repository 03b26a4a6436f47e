/** The page as a whole: keys, drawer, connection, announcements, and the room above an on-screen keyboard. */

import { Controller } from "@hotwired/stimulus";
import type { Status } from "../models/connection";
import { shortcut, type Shortcut } from "../models/keys";
import type { MessageView } from "../models/views";
import { countWords, t, tn } from "../models/words";
import { element } from "../rendering/elements";
import { session } from "../session";

/** A shorter break of the connection is nobody's business. */
const QUIET_MS = 2_000;

export default class PageController extends Controller<HTMLElement> {
  static override targets = ["live", "connection", "undo", "room", "drawerButton"];
  declare readonly liveTarget: HTMLElement;
  declare readonly connectionTarget: HTMLElement;
  declare readonly roomTarget: HTMLElement;
  declare readonly drawerButtonTarget: HTMLElement;

  #ends: (() => void)[] = [];
  #quiet = 0;

  override connect(): void {
    const page = session();
    this.#ends = [
      page.on("status", (status) => this.#showStatus(status)),
      page.thread.on("answering", () => this.#announce(t("Answering"))),
      page.thread.on("answered", (message) => this.#announceEnd(message)),
      page.thread.on("path", ({ opened }) => opened && this.closeDrawer()),
    ];
    window.visualViewport?.addEventListener("resize", this.#fit);
    window.visualViewport?.addEventListener("scroll", this.#fit);
    this.#fit();
  }

  override disconnect(): void {
    for (const end of this.#ends) end();
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

  #showStatus(status: Status): void {
    // Every failed try says "down" again, and the time runs from the first.
    if (status.kind === "down" && this.#quiet !== 0) return;
    window.clearTimeout(this.#quiet);
    this.#quiet = 0;
    if (status.kind === "up") this.connectionTarget.hidden = true;
    else if (status.kind === "stopped") this.#showConnection(...stoppedWords(status.reason));
    else this.#quiet = window.setTimeout(() => this.#showConnection(t("Reconnecting…")), QUIET_MS);
  }

  #showConnection(...words: (string | Node)[]): void {
    this.connectionTarget.replaceChildren(...words);
    this.connectionTarget.hidden = false;
  }

  #announceEnd(message: MessageView): void {
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

function stoppedWords(reason: "signed_out" | "forbidden" | "protocol"): (string | Node)[] {
  if (reason === "signed_out") {
    const next = `/accounts/login/?next=${encodeURIComponent(location.pathname)}`;
    return [t("You are signed out."), " ", element("a", { href: next }, t("Sign in again"))];
  }
  return [t("This page is out of date."), " ", element("a", { href: location.href }, t("Load it again"))];
}
