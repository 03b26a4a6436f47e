/** Sends a form once, however often its button is pressed. */

import { Controller } from "@hotwired/stimulus";

export default class SingleController extends Controller<HTMLFormElement> {
  static override targets = ["button"];
  declare readonly buttonTarget: HTMLButtonElement;

  send(): void {
    this.buttonTarget.disabled = true;
  }

  /** The page came back from the browser's memory. */
  again(): void {
    this.buttonTarget.disabled = false;
  }
}
