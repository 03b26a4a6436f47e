/** What the page's dialogs have in common. */

/** Closes a dialog when its backdrop, which is the dialog element itself, was clicked. */
export function closeFromOutside(dialog: HTMLDialogElement, event: MouseEvent): void {
  if (event.target !== dialog) return;
  const box = dialog.getBoundingClientRect();
  const inside =
    event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (!inside) dialog.close();
}

/** Moves the focus up or down among a list's buttons, and between the list and its search field. */
export function moveFocus(event: KeyboardEvent, search: HTMLElement, list: HTMLElement): void {
  if (event.isComposing) return;
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const stops = [search, ...list.querySelectorAll<HTMLElement>("button:not([disabled]), a")];
  if (step !== 0) {
    const at = stops.indexOf(document.activeElement as HTMLElement);
    stops[Math.min(stops.length - 1, Math.max(0, at + step))]?.focus();
    event.preventDefault();
  } else if (event.key === "Enter" && document.activeElement === search) {
    stops[1]?.click();
    event.preventDefault();
  }
}
