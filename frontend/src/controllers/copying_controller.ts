/** Copies a text that stands on the page. */

import { Controller } from "@hotwired/stimulus";
import { copyText } from "../rendering/copying";

const SHOWN_MS = 1_500;

export default class CopyingController extends Controller<HTMLElement> {
  static override targets = ["text", "button"];
  static override values = { done: String, refused: String };
  declare readonly textTarget: HTMLElement;
  declare readonly buttonTarget: HTMLElement;
  declare readonly doneValue: string;
  declare readonly refusedValue: string;

  async copy(): Promise<void> {
    const name = this.buttonTarget.textContent;
    const copied = await copyText(this.textTarget.textContent ?? "");
    this.buttonTarget.textContent = copied ? this.doneValue : this.refusedValue;
    window.setTimeout(() => (this.buttonTarget.textContent = name), SHOWN_MS);
  }
}
