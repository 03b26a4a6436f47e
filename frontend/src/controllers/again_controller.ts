/** The menu to have a question answered again: by which model, and what that may cost. */

import { Controller } from "@hotwired/stimulus";
import { isPriced, modelsToShow } from "../models/model_choice";
import { element } from "../rendering/elements";
import { session } from "../session";
import { forecastIn, toldIn } from "./forecasts";
import { placeMenu } from "./menu_controller";

export interface AgainFor {
  message: string;
  button: HTMLButtonElement;
}

/** Opens the menu for an answer, beside the button that asks for it. */
export function openAgain(detail: AgainFor): void {
  document.getElementById("again-menu")?.dispatchEvent(new CustomEvent("again:open", { detail }));
}

export default class AgainController extends Controller<HTMLElement> {
  static override targets = ["model", "send"];
  declare readonly modelTarget: HTMLSelectElement;
  declare readonly sendTarget: HTMLButtonElement;

  #for: AgainFor | null = null;

  readonly #open = (event: CustomEvent<AgainFor>): void => {
    this.#for = event.detail;
    this.#fill();
    placeMenu(this.element, this.#for.button);
    this.element.showPopover();
    // Mostly the same model is wanted: one more Enter asks it.
    this.sendTarget.focus();
    this.weigh();
  };

  override connect(): void {
    this.element.addEventListener("again:open", this.#open as EventListener);
  }

  override disconnect(): void {
    this.element.removeEventListener("again:open", this.#open as EventListener);
  }

  /** Another model is chosen. */
  weigh(): void {
    const model = session().models?.items.find(({ id }) => id === this.modelTarget.value) ?? null;
    const message = this.#for?.message;
    const told = message !== undefined && isPriced(model);
    forecastIn(this.element, told ? { type: "regenerate", message, model: model.id } : null);
  }

  /** The cheaper model is taken: here, and not in the composer. */
  cheaper(event: CustomEvent<string>): void {
    event.preventDefault();
    this.modelTarget.value = event.detail;
    this.modelTarget.focus();
    this.weigh();
  }

  send(event: Event): void {
    event.preventDefault();
    const { thread, told } = session();
    const message = this.#for?.message;
    const estimate = toldIn(this.element);
    const model = this.modelTarget.value;
    this.element.hidePopover();
    if (message === undefined || thread.busy) return;
    told.sent(thread.ask({ type: "regenerate", message, ...(model ? { model } : {}) }), estimate);
    document.body.dispatchEvent(new CustomEvent("newest:go", { bubbles: true }));
  }

  toggled(event: ToggleEvent): void {
    if (event.target !== this.element || event.newState === "open") return;
    forecastIn(this.element, null);
    this.#for = null;
  }

  #fill(): void {
    const { models, model: chosen } = session();
    // The one that the conversation has stays on offer, also where it may not answer any more.
    const shown = modelsToShow(models, chosen).filter(({ id, available }) => available || id === chosen?.id);
    this.modelTarget.replaceChildren(...shown.map(({ id, name }) => element("option", { value: id }, name || id)));
    if (chosen !== null) this.modelTarget.value = chosen.id;
  }
}
