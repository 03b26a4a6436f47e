/** Offers to undo what was just done, for ten seconds. */

import { t } from "../models/words";
import { element } from "../rendering/elements";

const OFFERED_MS = 10_000;
let timer = 0;

export function offerUndo(text: string, undo: () => Promise<void>): void {
  const place = document.querySelector<HTMLElement>(".undo");
  if (place === null) return;
  const withdraw = (): void => {
    window.clearTimeout(timer);
    place.replaceChildren();
  };
  const button = element("button", { type: "button", class: "button" }, t("Undo"));
  button.addEventListener("click", () => {
    withdraw();
    void undo();
  });
  place.replaceChildren(element("div", { class: "undo-box" }, element("span", {}, text), button));
  window.clearTimeout(timer);
  timer = window.setTimeout(withdraw, OFFERED_MS);
}

/** Says something for a while, with nothing to press. */
export function tell(text: string): void {
  const place = document.querySelector<HTMLElement>(".undo");
  if (place === null) return;
  place.replaceChildren(element("div", { class: "undo-box" }, element("span", {}, text)));
  window.clearTimeout(timer);
  timer = window.setTimeout(() => place.replaceChildren(), OFFERED_MS / 2);
}
