/** The editor that takes the place of a person's message. */

import { part, stamp } from "../rendering/elements";
import type { MessageElement } from "../rendering/message";

export function openEditor(message: MessageElement): void {
  if (message.root.querySelector(".editor") !== null) return;
  const editor = stamp("editor-piece");
  const text = part(editor, "text") as HTMLTextAreaElement;
  text.value = message.view?.content ?? "";
  message.root.dataset["editing"] = "";
  message.root.append(editor);
  text.focus();
  editor.scrollIntoView({ block: "nearest" });
  text.setSelectionRange(text.value.length, text.value.length);
}

export function editedText(message: MessageElement): string {
  return message.root.querySelector<HTMLTextAreaElement>(".editor textarea")?.value ?? "";
}

/** Takes the editor away; the focus goes where it came from. */
export function closeEditor(message: MessageElement): void {
  const editor = message.root.querySelector(".editor");
  if (editor === null) return;
  const hadFocus = editor.contains(document.activeElement);
  editor.remove();
  delete message.root.dataset["editing"];
  if (hadFocus) document.getElementById("composer-text")?.focus();
}
