/** The way back to the newest message, offered only away from it. */

import { Controller } from "@hotwired/stimulus";

export default class NewestController extends Controller<HTMLElement> {
  readonly #distance = (event: Event): void => {
    this.element.hidden = !(event as CustomEvent<{ far: boolean }>).detail.far;
  };

  override connect(): void {
    document.body.addEventListener("thread:distance", this.#distance);
  }

  override disconnect(): void {
    document.body.removeEventListener("thread:distance", this.#distance);
  }

  go(): void {
    document.body.dispatchEvent(new CustomEvent("newest:go", { bubbles: true }));
    this.element.hidden = true;
  }
}
