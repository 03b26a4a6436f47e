/** The editor that takes the place of a person's message. */

import { tooLong } from "../models/composing";
import type { EstimateView } from "../models/views";
import { part, stamp } from "../rendering/elements";
import type { MessageElement } from "../rendering/message";
import { session } from "../session";
import { forecastIn, pricedModel, toldIn } from "./forecasts";

export function openEditor(message: MessageElement): void {
  if (editorOf(message) !== null) return;
  const editor = stamp("editor-piece");
  const text = part(editor, "text") as HTMLTextAreaElement;
  text.value = message.view?.content ?? "";
  part(editor, "words").id = `edit-estimate-${message.id}`;
  text.setAttribute("aria-describedby", `edit-estimate-${message.id}`);
  message.root.dataset["editing"] = "";
  message.root.append(editor);
  text.focus();
  editor.scrollIntoView({ block: "nearest" });
  text.setSelectionRange(text.value.length, text.value.length);
}

export function editedText(message: MessageElement): string {
  return editorOf(message)?.querySelector("textarea")?.value ?? "";
}

/** Has it told what the changed message may cost; as it was it is not sent. */
export function forecastEdit(message: MessageElement): void {
  const content = editedText(message);
  const model = pricedModel();
  const changed = content.trim() !== "" && content !== message.view?.content;
  const sendable = changed && tooLong(content, session().limits) === null;
  const wish = sendable && model !== null ? { type: "edit" as const, message: message.id, content, ...model } : null;
  forecastIn(editorOf(message), wish);
}

export function toldOfEdit(message: MessageElement): EstimateView | null {
  return toldIn(editorOf(message));
}

/** Takes the editor away; the focus goes where it came from. */
export function closeEditor(message: MessageElement): void {
  const editor = editorOf(message);
  if (editor === null) return;
  const hadFocus = editor.contains(document.activeElement);
  forecastIn(editor, null);
  editor.remove();
  delete message.root.dataset["editing"];
  if (hadFocus) document.getElementById("composer-text")?.focus();
}

function editorOf(message: MessageElement): HTMLElement | null {
  return message.root.querySelector(".editor");
}
