/** Colours code, once the highlighter is loaded and the browser is idle. */

import { toFragment } from "./sanitize";

/** Longer code stays plain: colouring it would stop the page. */
const LONGEST_CHARACTERS = 60_000;

type Highlighter = typeof import("./highlighter");
let highlighter: Promise<Highlighter> | null = null;

export function colour(code: HTMLElement, language: string): void {
  const text = code.textContent ?? "";
  if (text.length > LONGEST_CHARACTERS) return;
  highlighter ??= import("./highlighter");
  void highlighter.then(
    ({ highlight }) => whenIdle(() => apply(code, highlight(text, language))),
    () => (highlighter = null),
  );
}

function apply(code: HTMLElement, html: string | null): void {
  if (html !== null) code.replaceChildren(toFragment(html));
}

function whenIdle(work: () => void): void {
  if ("requestIdleCallback" in window) window.requestIdleCallback(work, { timeout: 1000 });
  else setTimeout(work, 30);
}
