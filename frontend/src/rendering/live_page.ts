/** Brings parts of a page up to date from the same page read later, without touching what did not change. */

import { morphChildren } from "./morph";

/** As the server wrote it: what was opened or added in the page since does not count. */
const written = new WeakMap<Element, string>();

/** Remembers the rows as they are, before anybody changes them. */
export function rememberRows(root: ParentNode): void {
  for (const row of root.querySelectorAll("[data-key]")) written.set(row, row.outerHTML);
}

/** Takes over each `data-live` part from `fresh`; returns whether all were there. */
export function takeOver(root: HTMLElement, fresh: Document): boolean {
  const focused = document.activeElement;
  let complete = true;
  for (const current of root.querySelectorAll<HTMLElement>("[data-live]")) {
    const wanted = fresh.getElementById(current.id);
    if (wanted === null) complete = false;
    else if (current.dataset["live"] === "rows") takeRows(current, wanted);
    else if (!current.isEqualNode(wanted)) morphChildren(current, document.importNode(wanted, true));
    if (wanted !== null) copyFigures(wanted, current);
  }
  if (focused instanceof HTMLElement && !focused.isConnected) focusNear(root);
  return complete;
}

function takeRows(current: HTMLElement, wanted: HTMLElement): void {
  const held = new Map<string, Element>();
  for (const row of current.children) held.set(keyOf(row), row);
  const rows = [...wanted.children].flatMap((row) => {
    const old = held.get(keyOf(row));
    if (old !== undefined && written.get(old) === row.outerHTML) return withAdded(old);
    const made = document.importNode(row, true);
    written.set(made, row.outerHTML);
    return [made];
  });
  const kept = new Set<Element>(rows);
  // What stays is not moved: moving would take the focus from it.
  for (const row of [...current.children]) if (!kept.has(row)) row.remove();
  rows.forEach((row, index) => {
    const there = current.children[index];
    if (there !== row) current.insertBefore(row, there ?? null);
  });
}

/** A row, and what was opened below it. */
function withAdded(row: Element): Element[] {
  const next = row.nextElementSibling;
  return next?.matches("[data-added]") ? [row, next] : [row];
}

function keyOf(row: Element): string {
  return (row as HTMLElement).dataset["key"] ?? "";
}

function copyFigures(from: HTMLElement, to: HTMLElement): void {
  for (const [name, value] of Object.entries(from.dataset)) to.dataset[name] = value ?? "";
}

/** Who stood on something that is gone does not fall out of the page. */
function focusNear(root: HTMLElement): void {
  const place = root.querySelector<HTMLElement>("[data-live] :is(button, a[href])") ?? root.querySelector("h1");
  place?.focus({ preventScroll: true });
}
