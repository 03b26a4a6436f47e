/** What a turn may cost: a quiet line, and on demand how it is reckoned. */

import { Controller } from "@hotwired/stimulus";
import {
  cheaperWords,
  estimateLine,
  estimateRows,
  estimateSentences,
  estimateWarnings,
} from "../models/estimate_words";
import type { Forecasting } from "../models/forecasting";
import type { EstimateView } from "../models/views";
import { element } from "../rendering/elements";
import { session } from "../session";
import { forecastOf } from "./forecasts";
import { placeMenu } from "./menu_controller";

let made = 0;

export default class EstimateController extends Controller<HTMLElement> {
  static override targets = ["line", "words", "details", "rows", "warnings", "cheaper"];
  /** Whether it is of another turn than the composer's message. */
  static override values = { own: Boolean };
  declare readonly lineTarget: HTMLButtonElement;
  declare readonly wordsTarget: HTMLElement;
  declare readonly detailsTarget: HTMLElement;
  declare readonly rowsTarget: HTMLElement;
  declare readonly warningsTarget: HTMLElement;
  declare readonly cheaperTarget: HTMLButtonElement;
  declare readonly ownValue: boolean;

  #forecast!: Forecasting;
  #warned = "";
  #end: () => void = () => undefined;

  override connect(): void {
    this.detailsTarget.id ||= `estimate-details-${++made}`;
    this.lineTarget.setAttribute("aria-controls", this.detailsTarget.id);
    this.lineTarget.popoverTargetElement = this.detailsTarget;
    this.#forecast = this.ownValue ? forecastOf(this.element) : session().forecast;
    this.#end = this.#forecast.on("shown", (estimate) => this.#show(estimate));
    this.#show(this.#forecast.shown);
  }

  override disconnect(): void {
    this.#end();
  }

  /** The browser opens and closes it; this puts it in its place. */
  place(): void {
    placeMenu(this.detailsTarget, this.lineTarget);
  }

  toggled(event: ToggleEvent): void {
    // Inside of another menu its events come by here too.
    if (event.target !== this.detailsTarget) return;
    const open = event.newState === "open";
    this.lineTarget.setAttribute("aria-expanded", String(open));
    const { shown } = this.#forecast;
    if (open && shown !== null) session().emit("announce", estimateSentences(shown));
  }

  choose(): void {
    const { cheaper } = this.#forecast.shown ?? {};
    this.detailsTarget.hidePopover();
    if (!cheaper) return;
    const taken = this.dispatch("cheaper", { detail: cheaper.model, cancelable: true }).defaultPrevented;
    if (!taken) session().chooseModel(cheaper.model);
    if (!this.ownValue) document.getElementById("composer-text")?.focus();
  }

  #show(estimate: EstimateView | null): void {
    this.element.hidden = estimate === null;
    this.wordsTarget.textContent = estimate === null ? "" : estimateLine(estimate);
    if (estimate === null) {
      if (this.detailsTarget.matches(":popover-open")) this.detailsTarget.hidePopover();
      return;
    }
    const stopped = estimate.is_too_long ? "refused" : estimate.verdict;
    this.element.dataset["verdict"] = stopped;
    this.rowsTarget.replaceChildren(
      ...estimateRows(estimate).flatMap(({ name, figure, note }) => [
        element("dt", {}, name),
        element("dd", {}, element("span", { class: "estimate-figure" }, figure), element("span", {}, note)),
      ]),
    );
    const warnings = estimateWarnings(estimate);
    this.warningsTarget.replaceChildren(...warnings.map((words) => element("p", {}, words)));
    this.cheaperTarget.hidden = estimate.cheaper === null;
    this.cheaperTarget.textContent = cheaperWords(estimate);
    this.#warn(stopped === "refused" ? warnings.join(" ") : "");
  }

  /** Who hears the page is told once that a turn would not be sent, not at every word typed. */
  #warn(words: string): void {
    if (words !== "" && words !== this.#warned) session().emit("announce", words);
    this.#warned = words;
  }
}
