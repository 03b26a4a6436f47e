/** What the message in the composer may cost: a quiet line, and on demand how it is reckoned. */

import { Controller } from "@hotwired/stimulus";
import {
  cheaperWords,
  estimateLine,
  estimateRows,
  estimateSentences,
  estimateWarnings,
} from "../models/estimate_words";
import type { EstimateView } from "../models/views";
import { element } from "../rendering/elements";
import { session } from "../session";
import { placeMenu } from "./menu_controller";

export default class EstimateController extends Controller<HTMLElement> {
  static override targets = ["line", "words", "details", "rows", "warnings", "cheaper"];
  declare readonly lineTarget: HTMLButtonElement;
  declare readonly wordsTarget: HTMLElement;
  declare readonly detailsTarget: HTMLElement;
  declare readonly rowsTarget: HTMLElement;
  declare readonly warningsTarget: HTMLElement;
  declare readonly cheaperTarget: HTMLButtonElement;

  #end: () => void = () => undefined;

  override connect(): void {
    this.lineTarget.popoverTargetElement = this.detailsTarget;
    this.#end = session().forecasts.on("shown", (estimate) => this.#show(estimate));
    this.#show(session().forecasts.shown);
  }

  override disconnect(): void {
    this.#end();
  }

  /** The browser opens and closes it; this puts it in its place. */
  place(): void {
    placeMenu(this.detailsTarget, this.lineTarget);
  }

  toggled(event: ToggleEvent): void {
    const open = event.newState === "open";
    this.lineTarget.setAttribute("aria-expanded", String(open));
    const { shown } = session().forecasts;
    if (open && shown !== null) session().emit("announce", estimateSentences(shown));
  }

  choose(): void {
    const { cheaper } = session().forecasts.shown ?? {};
    this.detailsTarget.hidePopover();
    if (cheaper) session().chooseModel(cheaper.model);
    document.getElementById("composer-text")?.focus();
  }

  #show(estimate: EstimateView | null): void {
    this.element.hidden = estimate === null;
    this.wordsTarget.textContent = estimate === null ? "" : estimateLine(estimate);
    if (estimate === null) {
      if (this.detailsTarget.matches(":popover-open")) this.detailsTarget.hidePopover();
      return;
    }
    this.element.dataset["verdict"] = estimate.verdict;
    this.rowsTarget.replaceChildren(
      ...estimateRows(estimate).flatMap(({ name, figure, note }) => [
        element("dt", {}, name),
        element("dd", {}, element("span", { class: "estimate-figure" }, figure), element("span", {}, note)),
      ]),
    );
    this.warningsTarget.replaceChildren(...estimateWarnings(estimate).map((words) => element("p", {}, words)));
    this.cheaperTarget.hidden = estimate.cheaper === null;
    this.cheaperTarget.textContent = cheaperWords(estimate);
  }
}
