/** What a key press means, given only the event's plain facts. */

export interface KeyPress {
  key: string;
  keyCode: number;
  isComposing: boolean;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** Whether an input method is still building a word; Safari says so only by key code 229. */
export function isComposing(press: KeyPress): boolean {
  return press.isComposing || press.keyCode === 229;
}

/** Enter alone sends; with Shift it makes a line. */
export function sends(press: KeyPress): boolean {
  if (press.key !== "Enter" || isComposing(press)) return false;
  return !press.shiftKey && !press.altKey;
}

export type Shortcut = "search" | "new" | "stop" | "help";

/** The page-wide shortcut of a key press; `typing` when the focus is in a field. */
export function shortcut(press: KeyPress, typing: boolean): Shortcut | null {
  if (isComposing(press)) return null;
  const command = press.ctrlKey || press.metaKey;
  const key = press.key.toLowerCase();
  if (command && !press.shiftKey && key === "k") return "search";
  if (command && press.shiftKey && key === "o") return "new";
  if (command || press.altKey) return null;
  if (press.key === "Escape") return "stop";
  if (press.key === "?" && !typing) return "help";
  return null;
}
