/** Which models there are to choose from, and what an answer of theirs may cost. */

import type { ModelList, ModelView } from "./views";
import { t } from "./words";

/** Lower case and without marks, so that "tieng" finds "Tiếng"; đ is a letter of its own in Unicode. */
export function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase();
}

/** Models that match every word, in the given order, the available ones first. */
export function searchModels(models: readonly ModelView[], query: string): ModelView[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  const found = models.filter((model) => {
    const text = plain(`${model.id} ${model.name}`);
    return words.every((word) => text.includes(word));
  });
  return [...found.filter((model) => model.available), ...found.filter((model) => !model.available)];
}

/**
 * The model for a conversation: remembered here, if available, else the one that answered last. That
 * one stays also when it is not offered any more: nobody is moved to another model unasked.
 * A new conversation has the default, or else the first that is available.
 */
export function chooseModel(list: ModelList, remembered: string | null, last: string | null): string {
  const usable = new Set(list.items.filter((model) => isOffered(model, last)).map((model) => model.id));
  if (remembered !== null && usable.has(remembered)) return remembered;
  if (last !== null) return last;
  if (usable.has(list.default)) return list.default;
  return usable.values().next().value ?? list.default;
}

function isOffered(model: ModelView, last: string | null): boolean {
  return model.available && (!model.hidden || model.id === last);
}

/** The model of this id, also when nobody lists it any more; null where there is none to name. */
export function modelOf(list: ModelList, id: string): ModelView | null {
  if (id === "") return null;
  return list.items.find((model) => model.id === id) ?? unlisted(id);
}

function unlisted(id: string): ModelView {
  return {
    id,
    name: id,
    available: false,
    reason: t("No relay offers it now."),
    price: null,
    saving_percent: null,
    scripted: false,
    hidden: true,
    context_tokens: null,
    vision: null,
    reasoning: null,
  };
}

/** Whether what an answer of a model costs can be told. */
export function isPriced(model: ModelView | null): model is ModelView {
  return model !== null && model.available && model.price !== null;
}

/** What the picker shows: what is offered, and the conversation's own model whatever became of it. */
export function modelsToShow(list: ModelList | null, chosen: ModelView | null): ModelView[] {
  const shown = (list?.items ?? []).filter((model) => !model.hidden || model.id === chosen?.id);
  return chosen === null || shown.some((model) => model.id === chosen.id) ? shown : [...shown, chosen];
}
