/** The dialog to choose a model: what each costs, saves, and why one is not available. */

import { Controller } from "@hotwired/stimulus";
import { contextSize, money, number, percent } from "../models/format";
import { modelsToShow, searchModels } from "../models/model_choice";
import type { ModelView } from "../models/views";
import { t } from "../models/words";
import { element, icon, part, stamp } from "../rendering/elements";
import { session } from "../session";
import { closeFromOutside, moveFocus } from "./dialogs";

export default class ModelsController extends Controller<HTMLDialogElement> {
  static override targets = ["search", "list", "empty"];
  declare readonly searchTarget: HTMLInputElement;
  declare readonly listTarget: HTMLElement;
  declare readonly emptyTarget: HTMLElement;

  readonly #open = (): void => {
    this.searchTarget.value = "";
    this.#show();
    this.element.showModal();
    this.searchTarget.focus();
    // Prices and models change while a page stays open.
    void session()
      .loadModels()
      .then(() => this.#show());
  };

  override connect(): void {
    this.element.addEventListener("models:open", this.#open);
  }

  override disconnect(): void {
    this.element.removeEventListener("models:open", this.#open);
  }

  search(): void {
    this.#show();
  }

  close(): void {
    this.element.close();
  }

  outside(event: MouseEvent): void {
    closeFromOutside(this.element, event);
  }

  key(event: KeyboardEvent): void {
    moveFocus(event, this.searchTarget, this.listTarget);
  }

  choose(event: Event): void {
    const id = (event.currentTarget as HTMLElement).dataset["model"];
    if (id === undefined) return;
    session().chooseModel(id);
    this.element.close();
  }

  #show(): void {
    const { models, model: chosen } = session();
    const found = searchModels(modelsToShow(models, chosen), this.searchTarget.value);
    this.listTarget.replaceChildren(...found.map((model) => row(model, model.id === chosen?.id)));
    this.emptyTarget.hidden = found.length > 0;
  }
}

function row(model: ModelView, chosen: boolean): HTMLElement {
  const made = stamp("model-piece");
  const button = made.querySelector("button");
  if (button === null) return made;
  button.dataset["model"] = model.id;
  button.disabled = !model.available;
  button.setAttribute("aria-pressed", String(chosen));
  part(made, "name").textContent = model.name || model.id;
  part(made, "scripted").hidden = !model.scripted || model.name.includes("scripted");
  part(made, "id").textContent = model.name && model.name !== model.id ? model.id : "";
  part(made, "marks").replaceChildren(...marks(model));
  showReason(made, model);
  part(made, "price").textContent = priceText(model);
  showSaving(made, model);
  return made;
}

function marks(model: ModelView): HTMLElement[] {
  const made: HTMLElement[] = [];
  if (model.vision) made.push(mark(t("sees pictures"), icon("image")));
  if (model.reasoning) made.push(mark(t("reasons before it answers"), icon("brain")));
  if (model.context_tokens !== null) {
    const meaning = t("{count} tokens of context", { count: number(model.context_tokens) });
    const shown = element("span", { "aria-hidden": "true" }, contextSize(model.context_tokens));
    made.push(mark(meaning, shown));
  }
  return made;
}

/** Something small to look at, with its meaning for pointers and for screen readers. */
function mark(meaning: string, shown: Node): HTMLElement {
  const words = element("span", { class: "visually-hidden" }, meaning);
  return element("span", { class: "model-mark", title: meaning }, shown, words);
}

function showReason(made: HTMLElement, model: ModelView): void {
  const reason = part(made, "reason");
  reason.hidden = model.available;
  if (!model.available) reason.textContent = model.reason || t("Not available now.");
}

function priceText(model: ModelView): string {
  if (model.price === null) return model.available ? t("no price set") : "";
  return t("{input} in · {output} out", {
    input: money(model.price.input_nano_usd_per_million),
    output: money(model.price.output_nano_usd_per_million),
  });
}

function showSaving(made: HTMLElement, model: ModelView): void {
  const saving = part(made, "saving");
  const saved = model.saving_percent;
  saving.hidden = !saved || saved <= 0;
  if (saved) saving.textContent = t("saves {percent}", { percent: percent(saved) });
}
