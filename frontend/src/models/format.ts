/** Money, numbers and times as the person's language writes them. */

import { currentLanguage, t, tn } from "./words";

export const NANO_USD_PER_USD = 1_000_000_000;

/** An amount with as many decimals as it needs to show two digits that count: $0.00083, $1.25, $12. */
export function money(nanoUsd: number): string {
  const usd = nanoUsd / NANO_USD_PER_USD;
  const size = Math.abs(usd);
  const decimals = size === 0 || size >= 0.995 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(size)));
  return new Intl.NumberFormat(currentLanguage(), {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: 2,
    maximumFractionDigits: Math.max(2, decimals),
  }).format(usd);
}

export function number(value: number): string {
  return new Intl.NumberFormat(currentLanguage()).format(value);
}

/** A duration given in milliseconds, in seconds: "1.2 s". */
export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  const digits = value < 10 ? 1 : 0;
  const format = new Intl.NumberFormat(currentLanguage(), {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  });
  return t("{count} s", { count: format.format(value) });
}

export function percent(value: number): string {
  return new Intl.NumberFormat(currentLanguage(), {
    style: "percent",
    maximumFractionDigits: 0,
  }).format(value / 100);
}

/** A moment, as a time today and as a date before. */
export function moment(iso: string, now = new Date()): string {
  const date = new Date(iso);
  const sameDay = date.toDateString() === now.toDateString();
  const style: Intl.DateTimeFormatOptions = sameDay
    ? { timeStyle: "short" }
    : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(currentLanguage(), style).format(date);
}

/** A day of the calendar, such as 2026-12-01, wherever the reader is. */
export function day(iso: string): string {
  const style: Intl.DateTimeFormatOptions = { day: "numeric", month: "long", timeZone: "UTC" };
  return new Intl.DateTimeFormat(currentLanguage(), style).format(new Date(`${iso}T00:00:00Z`));
}

/** A number of tokens as makers of models write it: 128,000 and 131,072 are "128 K", a million is "1 M". */
export function contextSize(count: number): string {
  const step = count % 1000 !== 0 && count % 1024 === 0 ? 1024 : 1000;
  const format = new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: count < 10 * step ? 1 : 0 });
  if (count < step) return number(count);
  if (count < 1000 * step) return t("{count} K", { count: format.format(count / step) });
  const millions = new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: 1 });
  return t("{count} M", { count: millions.format(count / step / step) });
}

/** Names one of which is meant: "a, b, or c". */
export function list(names: readonly string[]): string {
  return new Intl.ListFormat(currentLanguage(), { type: "disjunction" }).format(names);
}

/** How sure a cost is, as a word of the person's language. */
export function quality(word: string): string {
  switch (word) {
    case "reported":
      return t("reported");
    case "estimated":
      return t("estimated");
    case "reconciled":
      return t("reconciled");
    default:
      return word;
  }
}

export function tokens(count: number): string {
  return tn("{count} token", "{count} tokens", count);
}
