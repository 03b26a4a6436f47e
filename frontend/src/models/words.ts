/** The page's text in the person's language. Message ids are the English text. */

export type Catalogue = Readonly<Record<string, string>>;
export type Values = Readonly<Record<string, string | number>>;

let catalogue: Catalogue = {};
let language = "en";

export function setWords(entries: Catalogue, tag: string): void {
  catalogue = entries;
  language = tag;
}

/** The language tag in the form that Intl understands. */
export function currentLanguage(): string {
  return language === "zh-hans" ? "zh-Hans" : language;
}

/** Translates; `{name}` in the text stands for `values.name`. */
export function t(text: string, values: Values = {}): string {
  return fill(catalogue[text] || text, values);
}

/** Translates a text that counts: `one` for exactly one where the language tells them apart. */
export function tn(one: string, many: string, count: number, values: Values = {}): string {
  const category = new Intl.PluralRules(currentLanguage()).select(count);
  // A language with one form for every number has it under the English singular.
  const text = category === "one" ? catalogue[one] || one : catalogue[many] || catalogue[one] || many;
  return fill(text, { count: new Intl.NumberFormat(currentLanguage()).format(count), ...values });
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Counts words for the announcement of an answer; Chinese is segmented, not split at spaces. */
export function countWords(text: string): number {
  const segments = new Intl.Segmenter(currentLanguage(), { granularity: "word" }).segment(text);
  let count = 0;
  for (const segment of segments) if (segment.isWordLike) count += 1;
  return count;
}
