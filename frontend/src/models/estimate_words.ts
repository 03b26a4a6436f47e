/** What a message may cost, and afterwards why it cost something else, in words. */

import { money, number, tokens } from "./format";
import type { Told } from "./told";
import type { EstimateView, TurnView } from "./views";
import { t } from "./words";

/** "about $0.0012 to $0.019" */
export function rangeWords({ low_nano_usd, high_nano_usd }: EstimateView): string {
  const [low, high] = [money(Number(low_nano_usd)), money(Number(high_nano_usd))];
  return low === high ? low : t("{low} to {high}", { low, high });
}

/** The one quiet line: "about $0.0012 to $0.019 · $4.87 left" */
export function estimateLine(estimate: EstimateView): string {
  return `${costWords(estimate)} · ${leftWords(estimate)}`;
}

function costWords(estimate: EstimateView): string {
  if (estimate.is_too_long) return t("too long for this model");
  if (estimate.verdict === "refused") {
    return t("too little left: needs {cost}", { cost: money(Number(estimate.worst_nano_usd)) });
  }
  if (isFree(estimate)) return t("free of charge");
  if (estimate.waits) return t("{cost} or more", { cost: money(Number(estimate.low_nano_usd)) });
  return t("about {cost}", { cost: rangeWords(estimate) });
}

function isFree({ worst_nano_usd }: EstimateView): boolean {
  return Number(worst_nano_usd) === 0;
}

function leftWords({ left_nano_usd }: EstimateView): string {
  return t("{amount} left", { amount: money(Math.max(0, Number(left_nano_usd))) });
}

/** A figure with its name, and where it comes from. */
export interface Row {
  name: string;
  figure: string;
  note: string;
}

export function estimateRows(estimate: EstimateView): Row[] {
  const { answer } = estimate;
  return [
    {
      name: t("Prompt"),
      figure: `${tokens(estimate.prompt_tokens)} · ${money(Number(estimate.prompt_nano_usd))}`,
      note: promptNote(estimate),
    },
    {
      name: t("Answer"),
      figure:
        answer.low_tokens === answer.high_tokens
          ? tokens(answer.high_tokens)
          : t("{low} to {high}", { low: number(answer.low_tokens), high: tokens(answer.high_tokens) }),
      note: basis(answer),
    },
    {
      name: t("At most"),
      figure: money(Number(estimate.worst_nano_usd)),
      note: t("held while it is written; the rest comes back"),
    },
    {
      name: t("Left"),
      figure: money(Math.max(0, Number(estimate.left_nano_usd))),
      note: estimate.left_of,
    },
  ];
}

function promptNote({ exact, waits }: EstimateView): string {
  if (waits) return t("as it is now; the answers before it will be added");
  return exact ? t("counted exactly") : t("counted nearly: the model counts in its own way");
}

function basis({ whose, turns }: EstimateView["answer"]): string {
  const count = number(turns);
  switch (whose) {
    case "team":
      return t("as long as 19 of 20 among your team's last {count}", { count });
    case "everyone":
      return t("as long as 19 of 20 among the last {count} of this model", { count });
    case "nobody":
      return t("a guess: this model has answered too little yet");
  }
}

/** What a person should know before sending, beside the figures. */
export function estimateWarnings(estimate: EstimateView): string[] {
  const warnings: string[] = [];
  if (estimate.is_too_long) {
    warnings.push(t("This is longer than the model can read. Shorten it, or choose a model with a longer context."));
  }
  if (estimate.waits) {
    warnings.push(t("It waits until the answers before it are written. They become part of its prompt, so it costs more."));
  }
  if (estimate.verdict === "refused" && estimate.waits) {
    warnings.push(t("As the budget stands now, it would not be sent."));
  } else if (estimate.verdict === "refused") {
    warnings.push(t("The budget is too small for this message. It would not be sent."));
  } else if (estimate.verdict === "shortened") {
    const longest = tokens(estimate.max_tokens);
    warnings.push(t("The budget pays for an answer of {longest} at most.", { longest }));
  }
  if (estimate.is_cut) warnings.push(t("Older messages do not fit any more and are left out."));
  return warnings;
}

export function cheaperWords({ cheaper }: EstimateView): string {
  if (cheaper === null) return "";
  const cost = money(Number(cheaper.high_nano_usd));
  return t("Use {model} instead: {cost} at most", { model: cheaper.name || cheaper.model, cost });
}

/** All of it in sentences, for who hears it. */
export function estimateSentences(estimate: EstimateView): string {
  const rows = estimateRows(estimate).map(({ name, figure, note }) => `${name}: ${figure}, ${note}.`);
  const all = [`${estimateLine(estimate)}.`, ...rows, ...estimateWarnings(estimate), cheaperWords(estimate)];
  return all.filter(Boolean).join(" ");
}

export interface Difference {
  summary: string;
  reasons: string[];
}

/** Why a turn cost something else than was told before; null where it did not. */
export function difference(told: Told | null, turn: TurnView | null): Difference | null {
  if (told === null || turn === null || turn.cost_nano_usd === null || turn.usage === null) return null;
  const { estimate } = told;
  const range = rangeWords(estimate);
  const more = turn.cost_nano_usd > Number(estimate.high_nano_usd);
  const less = turn.cost_nano_usd < Number(estimate.low_nano_usd);
  // Of an answer that was cut short the page says so already.
  if (!more && (!less || turn.state !== "completed")) return null;
  const summary = more
    ? t("more than the {range} told before", { range })
    : t("less than the {range} told before", { range });
  const reasons = [...promptReasons(told, turn, more), ...answerReasons(estimate, turn, more)];
  if (reasons.length === 0) reasons.push(...promptReasons(told, turn, more, 0));
  return { summary, reasons: reasons.length > 0 ? reasons : [t("The price changed in between.")] };
}

/** Templates of chats differ by some tokens for each message: this is no reason beside another one. */
const SLIGHT_TOKENS = 16;

function promptReasons(
  { estimate, askedAgain }: Told,
  turn: TurnView,
  more: boolean,
  slightTokens = SLIGHT_TOKENS,
): string[] {
  const { prompt_tokens: came = 0, cached_tokens: cached } = turn.usage ?? {};
  const reasons: string[] = [];
  if (turn.model !== estimate.model) reasons.push(t("Another model answered: {model}.", { model: turn.model }));
  if (more && askedAgain) reasons.push(t("The relay had to be asked more than once."));
  if (!more && cached) {
    reasons.push(t("{tokens} of the prompt came from the relay's cache.", { tokens: tokens(cached) }));
  }
  const beyond = more ? came - estimate.prompt_tokens : estimate.prompt_tokens - came;
  if (beyond > slightTokens) {
    const counted = number(estimate.prompt_tokens);
    reasons.push(t("The prompt had {tokens}; {counted} were counted.", { tokens: tokens(came), counted }));
    if (!more && estimate.is_cut) reasons.push(t("Older messages did not fit and were left out."));
  }
  return reasons;
}

function answerReasons({ answer }: EstimateView, turn: TurnView, more: boolean): string[] {
  const { completion_tokens: came = 0, reasoning_tokens: reasoning } = turn.usage ?? {};
  const reasons: string[] = [];
  const values = { tokens: tokens(came), low: number(answer.low_tokens), high: number(answer.high_tokens) };
  if (more && came > answer.high_tokens) {
    reasons.push(t("The answer has {tokens}; {high} at most were expected.", values));
  } else if (!more && came < answer.low_tokens) {
    reasons.push(t("The answer has {tokens}; {low} at least were expected.", values));
  }
  if (more && reasoning) {
    reasons.push(t("{tokens} of the answer are reasoning.", { tokens: tokens(reasoning) }));
  }
  return reasons;
}
