/** A button that opens a menu above the page; the browser closes it by Escape or a click elsewhere. */

import { Controller } from "@hotwired/stimulus";

const GAP_PIXELS = 4;

export default class MenuController extends Controller<HTMLButtonElement> {
  static override values = { list: String };
  declare readonly listValue: string;

  override connect(): void {
    const button = this.element;
    const menu = document.getElementById(this.listValue);
    if (menu === null) return;
    button.popoverTargetElement = menu;
    menu.addEventListener("beforetoggle", () => placeMenu(menu, button));
    menu.addEventListener("toggle", (event) => {
      button.setAttribute("aria-expanded", String((event as ToggleEvent).newState === "open"));
    });
    menu.addEventListener("click", (event) => {
      if ((event.target as Element).closest(".menu-item") !== null) menu.hidePopover();
    });
  }

  /** The browser opens it; this is here so that the markup says what the button does. */
  toggle(): void {
    return;
  }
}

/** Puts a menu beside its button, towards the middle of the window. */
export function placeMenu(menu: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const below = at.top < window.innerHeight / 2;
  const rightwards = at.left < window.innerWidth / 2;
  const { style } = menu;
  style.top = below ? `${at.bottom + GAP_PIXELS}px` : "auto";
  style.bottom = below ? "auto" : `${window.innerHeight - at.top + GAP_PIXELS}px`;
  style.left = rightwards ? `${at.left}px` : "auto";
  style.right = rightwards ? "auto" : `${window.innerWidth - at.right}px`;
}
