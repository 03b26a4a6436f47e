/** Which models there are to choose from, and what an answer of theirs may cost. */

import type { ModelList, ModelView } from "./views";

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

/** The model for a conversation: remembered here, else the conversation's, else the default, if available. */
export function chooseModel(list: ModelList, remembered: string | null, last: string | null): string {
  const usable = new Set(list.items.filter((model) => model.available).map((model) => model.id));
  for (const id of [remembered, last, list.default]) if (id !== null && usable.has(id)) return id;
  return list.items.find((model) => model.available)?.id ?? list.default;
}

/** A rough count of the tokens of a text: four letters of ASCII or one other character each. */
export function roughTokens(text: string): number {
  let ascii = 0;
  let other = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) < 128) ascii += 1;
    else other += 1;
  }
  return Math.ceil(ascii / 4 + other / 2);
}

/** What reading a prompt of so many tokens costs, in nano-USD, rounded up. */
export function promptCost(model: ModelView, promptTokens: number): number | null {
  if (model.price === null) return null;
  return Math.ceil((promptTokens * model.price.input_nano_usd_per_million) / 1_000_000);
}
