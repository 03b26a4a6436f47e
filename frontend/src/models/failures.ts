/** What went wrong, in a sentence: what happened, what it cost, what to do. */

import type { Fault, Notice } from "./protocol";
import type { TurnView } from "./views";
import { day, list, moment, money, number, quality } from "./format";
import { t } from "./words";

type Detail = Readonly<Record<string, unknown>> | null | undefined;

/**
 * The reason why a message was not taken; the text is back in the composer when it is shown.
 * Only models that are among the `usable` ones, where these are known, are proposed.
 */
export function refusal(
  fault: Fault & { detail?: Detail; retry_after_seconds?: number | null },
  usable?: ReadonlySet<string>,
): string {
  switch (fault.code) {
    case "budget_exhausted":
      return budgetRefusal(fault.detail);
    case "rate_limited":
      return tooFast(fault.detail, number(Math.ceil(fault.retry_after_seconds ?? 5)));
    case "too_many_turns":
      return tooMany(fault.detail);
    case "model_not_allowed":
      if (fault.detail?.["reason"] === "forbidden") {
        return t("Administrators do not allow this model. Choose another one.");
      }
      return t("This model has no price yet. Choose another one, or ask an administrator to set its price.");
    case "model_unknown":
      return unknownModel(fault.detail, usable);
    case "forbidden":
      return t("You may read here, but not write. Ask an owner of the team.");
    case "not_found":
      return t("This conversation is not there any more, or not for you.");
    case "idempotency_mismatch":
      return t("This message was already sent with another text. Send it again.");
    case "storage_unavailable":
      return t("Tram cannot store anything just now. Nothing was charged. Try again in a minute.");
    case "restarting":
      return t("The server is restarting. Nothing was charged. Try again in a moment.");
    case "internal_error":
      return t("Something went wrong on the server. Nothing was charged. Try again.");
    case "relay_auth":
      return t("The relay does not accept this installation's key. An administrator must mend it.");
    case "relay_unavailable":
      if (fault.detail?.["reason"] === "no_relay") {
        return t("There is no relay yet. An administrator adds one in the administration.");
      }
      return t("The relay did not answer. Nothing was charged. Try again.");
    default:
      return failure(fault, t("That did not work. Nothing was charged. Try again."));
  }
}

function tooFast(detail: Detail, seconds: string): string {
  const maximum = number(Number(detail?.["maximum"]));
  switch (detail?.["limit"]) {
    case "person_requests":
      return t("You may begin {maximum} answers a minute. Send again in {seconds} s.", { maximum, seconds });
    case "person_tokens":
      return t("Your {maximum} tokens of this minute are used up. Send again in {seconds} s.", { maximum, seconds });
    case "team_requests":
      return t("Your team may begin {maximum} answers a minute. Send again in {seconds} s.", { maximum, seconds });
    case "team_tokens":
      return t("Your team's {maximum} tokens of this minute are used up. Send again in {seconds} s.", {
        maximum,
        seconds,
      });
    default:
      return t("You are sending faster than the limit. Wait {seconds} s, then send again.", { seconds });
  }
}

function tooMany(detail: Detail): string {
  if (detail?.["limit"] === "team_turns") {
    return t("Your team may have {maximum} answers written at a time. Wait for one to end, or stop one.", {
      maximum: number(Number(detail["limit_turns"])),
    });
  }
  const maximum = number(Number(detail?.["maximum"]));
  if (detail?.["limit"] === "conversation_waiting") {
    return t("{maximum} messages wait here already. Send again when one was answered.", { maximum });
  }
  if (detail?.["limit"] === "person_waiting") {
    return t("{maximum} messages of yours wait already. Withdraw one, or wait.", { maximum });
  }
  return t("Too many answers are running at once. Wait for one to end, or stop one.");
}

function unknownModel(detail: Detail, usable?: ReadonlySet<string>): string {
  const near = detail?.["near_matches"];
  const names = (Array.isArray(near) ? near.map(String) : []).filter((name) => usable?.has(name) ?? true);
  if (names.length === 0) return t("No relay offers this model now. Choose another one.");
  return t("No relay offers this model now. Choose another one, such as {names}.", { names: list(names) });
}

function budgetRefusal(detail: Detail): string {
  const remaining = detail?.["remaining_nano_usd"];
  const needed = detail?.["needed_nano_usd"];
  if (typeof remaining !== "number" || typeof needed !== "number") {
    return t("The team's budget is used up. Nothing was charged.");
  }
  const said = tooSmall(detail?.["scope"], { remaining: money(Math.max(0, remaining)), needed: money(needed) });
  const afresh = detail?.["starts_afresh"];
  if (typeof afresh !== "string") return said;
  return sentences(said, t("It starts afresh on {day}.", { day: day(afresh) }));
}

function tooSmall(scope: unknown, figures: { remaining: string; needed: string }): string {
  switch (scope) {
    case "installation":
      return t("The limit of this installation has {remaining} left and this may cost {needed}.", figures);
    case "team":
      return t("Your team's limit has {remaining} left and this may cost {needed}.", figures);
    case "person":
      return t("Your limit has {remaining} left and this may cost {needed}.", figures);
    case "conversation":
      return t("This conversation's limit has {remaining} left and this may cost {needed}.", figures);
    default:
      return t("The budget has {remaining} left and this may cost {needed}. Choose a cheaper model or raise it.", figures);
  }
}

/** What stands under an answer that did not end well, or null. */
export interface Ending {
  text: string;
  /** "quiet" for what the person or a limit did, "fault" for what failed. */
  tone: "quiet" | "fault";
  offer: "retry" | "continue" | null;
}

export function ending(turn: TurnView, hasText: boolean): Ending | null {
  const cost = charged(turn);
  const offer = hasText ? "continue" : "retry";
  switch (turn.state) {
    case "interrupted":
      return { text: join(t("stopped"), cost), tone: "quiet", offer };
    case "budget_stopped":
      return { text: join(t("stopped at the budget"), cost), tone: "quiet", offer: null };
    case "orphaned":
      return { text: join(t("The server restarted during this answer."), cost), tone: "fault", offer };
    case "failed":
      return {
        text: sentences(failure(turn.error), costSentence(turn)),
        tone: "fault",
        offer: offerFor(turn.error, hasText),
      };
    case "completed":
      if (turn.finish_reason !== "length") return null;
      return { text: t("The answer reached its length limit."), tone: "quiet", offer: "continue" };
    default:
      return null;
  }
}

/** One after the other; Chinese sets no space between them. */
export function sentences(first: string, second: string): string {
  return first.endsWith("。") ? first + second : `${first} ${second}`;
}

function offerFor(error: Fault | null, hasText: boolean): Ending["offer"] {
  const hopeless = error?.code === "relay_auth" || error?.code === "model_not_allowed";
  if (hopeless) return "retry";
  return hasText ? "continue" : "retry";
}

function failure(error: Fault | null, otherwise = t("The answer failed.")): string {
  switch (error?.code) {
    case "relay_stream_broken":
      return t("The connection to the model was lost.");
    case "relay_timeout":
      return t("The relay did not answer in time.");
    case "relay_truncated":
      return t("The answer may be cut: the relay ended it without saying so.");
    case "relay_rate_limited":
      if (error.retry_at) return t("The relay is limiting requests. Try again after {time}.", { time: after(error.retry_at) });
      return t("The relay is limiting requests. Try again later.");
    case "relay_unavailable":
      if (error.retry_at) return t("The relay did not answer. Try again after {time}.", { time: after(error.retry_at) });
      return t("The relay did not answer.");
    case "relay_auth":
      return t("The relay does not accept this installation's key. An administrator must mend it.");
    case "relay_error":
      return t("The relay reported an error.");
    case "relay_protocol":
      return t("The relay gave no answer that can be read. Ask an administrator to check the relay.");
    case "model_unknown":
      return t("No relay offers this model now. Choose another one.");
    case "storage_unavailable":
      return t("Tram could not store the answer, so it stopped.");
    case "restarting":
      return t("The server restarted during this answer.");
    case "internal_error":
      return t("Something went wrong on the server.");
    default:
      return error?.message || otherwise;
  }
}

/** A moment, but not before it: rounded up to the whole minutes that are shown. */
function after(iso: string): string {
  return moment(new Date(Math.ceil(Date.parse(iso) / 60_000) * 60_000).toISOString());
}

function charged(turn: TurnView): string {
  if (turn.cost_nano_usd === null) return "";
  const used = (turn.usage?.prompt_tokens ?? 0) + (turn.usage?.completion_tokens ?? 0);
  if (!turn.cost_nano_usd && !used) return t("nothing charged");
  const cost = money(turn.cost_nano_usd);
  return turn.quality ? `${cost} ${quality(turn.quality)}` : cost;
}

function costSentence(turn: TurnView): string {
  if (!turn.cost_nano_usd) return t("Nothing was charged.");
  return t("It cost {cost}.", { cost: charged(turn) });
}

function join(...parts: string[]): string {
  return parts.filter(Boolean).join(" · ");
}

/** What a notice during an answer says. */
export function noticeText(notice: Notice | null): string {
  switch (notice?.code) {
    case "retrying":
      return t("The relay could not answer. Trying again…");
    case "fallback":
      return t("The relay could not answer. Trying another one…");
    case "resumed":
      return t("The connection broke. Going on from here…");
    case "waiting":
      return waiting(notice);
    default:
      return "";
  }
}

function waiting({ position, delay_seconds }: Notice): string {
  if (position) return t("Waiting in line: place {position}.", { position: number(position) });
  if (delay_seconds) {
    return t("The relay's limit is reached. Going on in {seconds} s.", { seconds: number(Math.ceil(delay_seconds)) });
  }
  return t("The relay is slow to answer. Waiting…");
}
