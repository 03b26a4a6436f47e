/** The list of conversations, its search, and the teams. */

import { Controller } from "@hotwired/stimulus";
import { ApiError } from "../api";
import type { GroupName } from "../models/conversation_list";
import type { Boot, ConversationView } from "../models/views";
import { t } from "../models/words";
import { element, icon, part, stamp } from "../rendering/elements";
import { session } from "../session";
import { change, fillConversationMenu } from "./conversation_menu";
import { placeMenu } from "./menu_controller";

const SEARCH_AFTER_MS = 150;
const LOAD_BEFORE_END_PIXELS = 300;

export default class SidebarController extends Controller<HTMLElement> {
  static override targets = ["search", "groups", "teams"];
  declare readonly searchTarget: HTMLInputElement;
  declare readonly groupsTarget: HTMLElement;
  declare readonly teamsTarget: HTMLElement;

  #ends: (() => void)[] = [];
  #next: string | null = null;
  #loading = false;
  #timer = 0;
  /** Counts searches, so that a slow earlier answer does not replace a later one. */
  #search = 0;

  override connect(): void {
    const page = session();
    this.#ends = [
      page.on("list", () => this.#show()),
      page.thread.on("conversation", () => this.#markCurrent()),
      page.thread.on("path", ({ opened }) => opened && this.#markCurrent()),
    ];
    void this.#load();
    void this.#loadTeams();
  }

  override disconnect(): void {
    for (const end of this.#ends) end();
  }

  search(): void {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#load(), SEARCH_AFTER_MS);
  }

  clear(): void {
    this.searchTarget.value = "";
    this.search();
  }

  scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.groupsTarget;
    const nearEnd = scrollHeight - scrollTop - clientHeight < LOAD_BEFORE_END_PIXELS;
    if (nearEnd && this.#next !== null && !this.#loading) void this.#load(this.#next);
  }

  open(event: MouseEvent): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const id = conversationOf(event);
    if (id === undefined) return;
    session().go(id);
    this.dispatch("chosen");
  }

  menu(event: Event): void {
    const menu = document.getElementById("conversation-menu");
    const conversation = session().list.get(conversationOf(event) ?? "");
    if (menu === null || conversation === undefined) return;
    fillConversationMenu(menu, conversation, () => this.#rename(conversation));
    placeMenu(menu, event.currentTarget as HTMLElement);
  }

  async #load(before: string | null = null): Promise<void> {
    const page = session();
    const search = (this.#search += 1);
    this.#loading = true;
    try {
      const answer = await page.api.conversations(this.searchTarget.value.trim(), before);
      if (search !== this.#search) return;
      if (before === null) page.list.replaceAll(answer.items);
      else page.list.add(answer.items);
      this.#next = answer.next;
      page.emit("list", null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    } finally {
      this.#loading = false;
    }
  }

  #show(): void {
    const groups = session().list.groups(new Date());
    const sections = groups.map(({ name, items }) => {
      const list = element("ul", {}, ...items.map((item) => this.#row(item)));
      return element("section", {}, element("h2", { class: "group-name" }, groupTitle(name)), list);
    });
    if (sections.length === 0) sections.push(element("p", { class: "group-empty" }, this.#emptyText()));
    this.groupsTarget.replaceChildren(...sections);
    this.#markCurrent();
  }

  #emptyText(): string {
    const searching = this.searchTarget.value.trim() !== "";
    return searching ? t("Nothing found.") : t("Your conversations will be listed here.");
  }

  #row(conversation: ConversationView): HTMLElement {
    const row = stamp("conversation-piece");
    const title = conversation.title || t("New chat");
    const link = part(row, "link") as HTMLAnchorElement;
    const more = part(row, "more") as HTMLButtonElement;
    row.dataset["conversation"] = conversation.id;
    link.href = `/c/${conversation.id}/`;
    link.textContent = title;
    link.title = title;
    more.setAttribute("aria-label", t("More for “{title}”", { title }));
    more.popoverTargetElement = document.getElementById("conversation-menu");
    return row;
  }

  #markCurrent(): void {
    const { id } = session().thread;
    for (const row of this.groupsTarget.querySelectorAll<HTMLElement>("[data-conversation]")) {
      const link = part(row, "link");
      if (row.dataset["conversation"] === id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  #rename(conversation: ConversationView): void {
    const row = this.groupsTarget.querySelector(`[data-conversation="${conversation.id}"]`);
    if (row === null) return;
    const field = element("input", { class: "conversation-rename", maxlength: "200", "aria-label": t("Title") });
    field.value = conversation.title;
    const keep = (): void => {
      const title = field.value.trim();
      if (title === "" || title === conversation.title) this.#show();
      else void change(conversation.id, { title });
    };
    field.addEventListener("blur", keep, { once: true });
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") field.value = conversation.title;
      if (event.key === "Escape" || event.key === "Enter") field.blur();
      event.stopPropagation();
    });
    row.replaceChildren(field);
    field.select();
  }

  async #loadTeams(): Promise<void> {
    const { boot, api } = session();
    try {
      this.#showTeams(boot.teams ?? (await api.me()).teams);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #showTeams(teams: NonNullable<Boot["teams"]>): void {
    const { boot } = session();
    const items = teams.map((team) => {
      const current = team.id === boot.team?.id;
      const button = element("button", { type: "button", class: "menu-item" }, element("span", {}, team.name));
      if (current) button.append(icon("check"));
      if (current) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => void switchTeam(team.id, current));
      return button;
    });
    this.teamsTarget.replaceChildren(element("p", { class: "menu-title" }, t("Teams")), ...items);
  }
}

async function switchTeam(team: string, current: boolean): Promise<void> {
  if (current) return;
  await session().api.switchTeam(team);
  location.assign("/");
}

function conversationOf(event: Event): string | undefined {
  const row = (event.currentTarget as Element).closest<HTMLElement>("[data-conversation]");
  return row?.dataset["conversation"];
}

function groupTitle(name: GroupName): string {
  switch (name) {
    case "pinned":
      return t("Pinned");
    case "today":
      return t("Today");
    case "yesterday":
      return t("Yesterday");
    case "week":
      return t("Last 7 days");
    case "older":
      return t("Older");
    case "archived":
      return t("Archived");
  }
}
