/** One message on the page. */

import { difference, type Difference } from "../models/estimate_words";
import { ending, noticeText } from "../models/failures";
import { money, quality, seconds, tokens } from "../models/format";
import { branchOf } from "../models/path";
import type { Told } from "../models/told";
import { isLive } from "../models/turn_stream";
import type { Notice } from "../models/protocol";
import type { MessageView, TurnView } from "../models/views";
import { t } from "../models/words";
import { element, part, stamp } from "./elements";
import { Prose } from "./prose";

/** A person's text longer than this is folded until asked for. */
const FOLD_CHARACTERS = 2_500;

export interface Surroundings {
  /** Who reads: their own messages are "You". */
  me: number;
  notice: Notice | null;
  /** The name for people of the model that wrote it. */
  modelName: string | null;
  /** Whether messages may be sent: else nothing may be edited or answered again. */
  mayWrite: boolean;
  /** What the answer was told to cost before it was asked for. */
  told: Told | null;
}

export class MessageElement {
  readonly root: HTMLElement;
  #view: MessageView | null = null;
  #around: Surroundings | null = null;
  #prose: Prose | null = null;
  #reasoning: Prose | null = null;

  constructor(readonly id: string) {
    this.root = stamp("message-piece");
    this.root.id = `message-${id}`;
    this.root.dataset["message"] = id;
  }

  get view(): MessageView | null {
    return this.#view;
  }

  update(view: MessageView, around: Surroundings): void {
    if (view === this.#view && sameSurroundings(around, this.#around)) return;
    this.#view = view;
    this.#around = around;
    const live = isLive(view.turn?.state ?? "");
    this.root.dataset["role"] = view.role;
    this.root.toggleAttribute("data-live", live);
    this.root.toggleAttribute("data-empty", view.content === "");
    part(this.root, "name").textContent = this.#name(view, around);
    if (view.role === "user") this.#showPlain(view.content);
    else this.#showProse(view, live);
    this.#showNotice(live ? noticeText(around.notice) : "");
    this.#showEnding(view.turn, view.content !== "", around.mayWrite);
    this.#showFoot(view, live, around.mayWrite);
    this.#showDifference(live ? null : difference(around.told, view.turn));
  }

  #name(view: MessageView, around: Surroundings): string {
    if (view.role !== "user") return around.modelName ?? view.model ?? t("Answer");
    return view.author === null || view.author.id === around.me ? t("You") : view.author.name;
  }

  #showPlain(content: string): void {
    const text = part(this.root, "text");
    if (text.textContent !== content) text.textContent = content;
    text.classList.add("message-plain");
    const folded = content.length > FOLD_CHARACTERS && !this.root.hasAttribute("data-unfolded");
    this.root.toggleAttribute("data-folded", folded);
    part(this.root, "more").hidden = !folded;
  }

  #showProse(view: MessageView, live: boolean): void {
    const text = part(this.root, "text");
    text.classList.add("prose");
    this.#prose ??= new Prose(text);
    if (live) this.#prose.grow(view.content);
    else this.#prose.finish(view.content);
    this.#showReasoning(view, live);
  }

  #showReasoning(view: MessageView, live: boolean): void {
    const folded = part(this.root, "reasoning");
    folded.hidden = !view.reasoning;
    if (!view.reasoning) return;
    const thinking = live && view.content === "";
    part(this.root, "reasoning-title").textContent = thinking ? t("Reasoning…") : t("Reasoning");
    this.#reasoning ??= new Prose(part(this.root, "reasoning-text"));
    if (live) this.#reasoning.grow(view.reasoning);
    else this.#reasoning.finish(view.reasoning);
  }

  #showNotice(text: string): void {
    const notice = part(this.root, "notice");
    notice.hidden = text === "";
    notice.textContent = text;
  }

  #showEnding(turn: TurnView | null, hasText: boolean, mayWrite: boolean): void {
    const shown = turn === null ? null : ending(turn, hasText);
    const box = part(this.root, "ending");
    box.hidden = shown === null;
    if (shown === null) return;
    box.dataset["tone"] = shown.tone;
    part(box, "ending-text").textContent = shown.text;
    part(box, "retry").hidden = !mayWrite || shown.offer !== "retry";
    part(box, "continue").hidden = !mayWrite || shown.offer !== "continue";
  }

  #showFoot(view: MessageView, live: boolean, mayWrite: boolean): void {
    const isUser = view.role === "user";
    part(this.root, "tools").hidden = live;
    part(this.root, "edit").hidden = !isUser || !mayWrite;
    part(this.root, "again").hidden = isUser || !mayWrite;
    part(this.root, "facts").textContent = live || view.turn === null ? "" : facts(view.turn);
    this.#showBranch(view);
  }

  #showDifference(found: Difference | null): void {
    const box = part(this.root, "why");
    box.hidden = found === null;
    if (found === null) return;
    part(box, "why-summary").textContent = found.summary;
    part(box, "why-reasons").replaceChildren(...found.reasons.map((reason) => element("li", {}, reason)));
  }

  #showBranch(view: MessageView): void {
    const branch = branchOf(view);
    const box = part(this.root, "branch");
    box.hidden = branch === null;
    if (branch === null) return;
    const { position, count } = branch;
    part(box, "branch-place").textContent = t("{position}/{count}", { position, count });
    part(box, "branch-back").toggleAttribute("disabled", position === 1);
    part(box, "branch-on").toggleAttribute("disabled", position === count);
  }
}

function sameSurroundings(one: Surroundings, other: Surroundings | null): boolean {
  if (other === null || one.told !== other.told || one.mayWrite !== other.mayWrite) return false;
  return one.notice === other.notice && one.modelName === other.modelName;
}

/** "1.2 s · 312 tokens · $0.0008 reported" */
function facts(turn: TurnView): string {
  const known: string[] = [];
  if (turn.stats?.total_ms) known.push(seconds(turn.stats.total_ms));
  if (turn.stats?.tokens) known.push(tokens(turn.stats.tokens));
  const endingTellsCost = turn.state !== "completed";
  if (turn.cost_nano_usd !== null && !endingTellsCost) {
    const word = turn.quality ? ` ${quality(turn.quality)}` : "";
    known.push(`${money(turn.cost_nano_usd)}${word}`);
  }
  return known.join(" · ");
}
