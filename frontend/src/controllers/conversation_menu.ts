/** What may be done to a conversation, as a menu. */

import { ApiError } from "../api";
import type { ConversationView } from "../models/views";
import { t } from "../models/words";
import { element, icon } from "../rendering/elements";
import { session } from "../session";
import { offerUndo, tell } from "./undo";

export function fillConversationMenu(
  menu: HTMLElement,
  conversation: ConversationView,
  rename: () => void,
): void {
  const { id, pinned, archived } = conversation;
  menu.replaceChildren(
    item("pencil", t("Rename"), rename),
    item(pinned ? "pin-off" : "pin", pinned ? t("Unpin") : t("Pin"), () => change(id, { pinned: !pinned })),
    item(archived ? "archive-restore" : "archive", archived ? t("Unarchive") : t("Archive"), () =>
      archive(conversation),
    ),
    item("trash-2", t("Delete"), () => remove(conversation)),
  );
}

function item(symbol: string, words: string, act: () => unknown): HTMLButtonElement {
  const button = element("button", { type: "button", class: "menu-item" }, icon(symbol), element("span", {}, words));
  button.addEventListener("click", () => {
    button.closest<HTMLElement>("[popover]")?.hidePopover();
    act();
  });
  return button;
}

/** Changes a conversation here at once and on the server; takes it back if the server refuses. */
export async function change(id: string, changes: Partial<ConversationView>): Promise<boolean> {
  const page = session();
  const before = page.list.get(id);
  page.list.change(id, changes);
  page.emit("list", null);
  try {
    const view = await page.api.change(id, changes);
    page.list.add([view]);
    if (page.thread.id === id) page.thread.emit("conversation", (page.thread.view = view));
    page.emit("list", null);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (before !== undefined) page.list.add([before]);
    page.emit("list", null);
    tell(failed(error));
    return false;
  }
}

async function archive(conversation: ConversationView): Promise<void> {
  const { id, archived } = conversation;
  if (!(await change(id, { archived: !archived })) || archived) return;
  offerUndo(t("Archived."), async () => void (await change(id, { archived: false })));
}

async function remove(conversation: ConversationView): Promise<void> {
  const page = session();
  const { id } = conversation;
  try {
    await page.api.remove(id);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell(failed(error));
    return;
  }
  page.list.remove(id);
  page.emit("list", null);
  const wasOpen = page.thread.id === id;
  if (wasOpen) page.go(null);
  offerUndo(t("Deleted."), () => restore(conversation, wasOpen));
}

async function restore(conversation: ConversationView, reopen: boolean): Promise<void> {
  const page = session();
  try {
    await page.api.restore(conversation.id);
    page.list.add([conversation]);
    page.emit("list", null);
    if (reopen) page.go(conversation.id);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell(failed(error));
  }
}

function failed(error: ApiError): string {
  if (error.code === "forbidden") return t("You may not do that. Ask an owner of the team.");
  return error.message || t("That did not work. Try again.");
}
