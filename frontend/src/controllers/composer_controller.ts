/** The message box: sends, stops, keeps the draft, and says why something was not sent. */

import { Controller } from "@hotwired/stimulus";
import { countCharacters, tooLong } from "../models/composing";
import { putBack } from "../models/drafts";
import { refusal } from "../models/failures";
import { money } from "../models/format";
import { isComposing, sends } from "../models/keys";
import { isPriced } from "../models/model_choice";
import type { BudgetView, ModelView } from "../models/views";
import { t } from "../models/words";
import { session } from "../session";

/** Longer texts get the greatest height at once: measuring them is slow. */
const MEASURED_CHARACTERS = 8_000;
const TYPING_EVERY_MS = 3_000;

export default class ComposerController extends Controller<HTMLFormElement> {
  static override targets = ["text", "reason", "act", "line", "model", "modelName", "modelPrice"];
  declare readonly textTarget: HTMLTextAreaElement;
  declare readonly reasonTarget: HTMLElement;
  declare readonly actTarget: HTMLButtonElement;
  declare readonly lineTarget: HTMLButtonElement;
  declare readonly modelTarget: HTMLButtonElement;
  declare readonly modelNameTarget: HTMLElement;
  declare readonly modelPriceTarget: HTMLElement;

  #ends: (() => void)[] = [];
  #conversation: string | null = null;
  #stopping: string | null = null;
  #toldTypingAt = 0;
  #placeholder = "";

  override connect(): void {
    const page = session();
    const { thread } = page;
    this.#conversation = thread.id;
    this.#placeholder = this.textTarget.placeholder;
    this.#ends = [
      thread.on("path", ({ opened }) => this.#pathChanged(opened)),
      thread.on("message", () => this.#showState()),
      thread.on("answered", () => this.#showState()),
      thread.on("begun", () => (this.#conversation = thread.id)),
      thread.on("refused", ({ text, fault }) => this.#refused(text, refusal(fault, session().usableModels))),
      page.on("models", () => this.#showState()),
      page.on("budget", (budget) => this.#showBudget(budget)),
      page.on("compose", (text) => this.#compose(text)),
      page.on("limits", () => this.#showState()),
      page.on("role", () => this.#showState()),
    ];
    this.#fill(page.drafts.text(thread.id));
    if (window.matchMedia("(hover: hover)").matches) this.textTarget.focus({ preventScroll: true });
  }

  override disconnect(): void {
    for (const end of this.#ends) end();
  }

  typed(): void {
    const { drafts, connection, thread } = session();
    const text = this.textTarget.value;
    drafts.keepText(this.#conversation, text);
    this.#say(tooLong(text, session().limits));
    this.#showState();
    const now = Date.now();
    if (thread.id === null || now - this.#toldTypingAt < TYPING_EVERY_MS) return;
    this.#toldTypingAt = now;
    connection.send({ type: "typing", conversation: thread.id });
  }

  key(event: KeyboardEvent): void {
    if (sends(event)) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "ArrowUp" && this.textTarget.value === "" && !isComposing(event)) {
      event.preventDefault();
      session().emit("editLast", null);
    }
  }

  /** A paste beyond the limit is refused before the browser lays it out. */
  pasted(event: ClipboardEvent): void {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    const reason = tooLong(this.textTarget.value + pasted, session().limits);
    if (reason === null || countCharacters(pasted) < 10_000) return;
    event.preventDefault();
    this.#say(reason);
  }

  submit(event: Event): void {
    event.preventDefault();
    const { thread } = session();
    if (thread.runningTurn === null || !session().mayInterrupt) {
      this.#send();
      return;
    }
    this.#stopping = thread.runningTurn;
    thread.stop();
    this.#showState();
  }

  /** Sends what is typed while an answer is being written: it waits for its end. */
  line(): void {
    this.#send();
    this.textTarget.focus();
  }

  pickModel(): void {
    document.getElementById("models")?.dispatchEvent(new CustomEvent("models:open"));
  }

  #send(): void {
    const { thread, modelChoice, drafts, limits, mayWrite, forecast, told } = session();
    const text = this.textTarget.value;
    if (thread.busy && thread.id === null) {
      this.#say(t("Your first message is on its way. Send this one in a moment."));
      return;
    }
    const reason = tooLong(text, limits);
    if (reason !== null) this.#say(reason);
    if (reason !== null || text.trim() === "" || !mayWrite) return;
    const estimate = forecast.current;
    this.#say(null);
    this.#fill("");
    drafts.keepText(this.#conversation, "");
    this.#toldTypingAt = 0;
    told.sent(thread.say(text, modelChoice), estimate);
    document.body.dispatchEvent(new CustomEvent("newest:go", { bubbles: true }));
  }

  #pathChanged(opened: boolean): void {
    const { thread, drafts } = session();
    if (opened && this.#conversation !== thread.id) {
      this.#conversation = thread.id;
      this.#say(null);
      this.#fill(drafts.text(thread.id));
    }
    this.#showState();
  }

  #refused(text: string | null, reason: string): void {
    if (text !== null) {
      this.#fill(putBack(text, this.textTarget.value));
      session().drafts.keepText(this.#conversation, this.textTarget.value);
    }
    this.#say(reason);
    this.#showState();
  }

  #compose(text: string): void {
    this.#fill(text);
    this.typed();
    this.textTarget.focus();
  }

  #fill(text: string): void {
    this.textTarget.value = text;
    this.#showState();
  }

  #say(reason: string | null): void {
    this.reasonTarget.hidden = reason === null;
    if (reason !== null) this.reasonTarget.textContent = reason;
  }

  #showState(): void {
    const { thread, model } = session();
    const running = session().mayInterrupt ? thread.runningTurn : null;
    if (running === null) this.#stopping = null;
    const stopping = running !== null && running === this.#stopping;
    this.actTarget.dataset["state"] = running === null ? "send" : "stop";
    const blank = this.textTarget.value.trim() === "";
    this.actTarget.disabled = running === null ? blank || thread.busy || !session().mayWrite : stopping;
    this.lineTarget.hidden = running === null || blank;
    this.textTarget.disabled = !session().mayWrite;
    this.textTarget.placeholder = session().mayWrite
      ? this.#placeholder
      : t("You may read here. Ask an owner if you want to write.");
    this.#showModel(model);
    this.#forecast(model);
    this.#resize();
  }

  #showModel(model: ModelView | null): void {
    this.modelNameTarget.textContent = model?.name || model?.id || "…";
    const missing = model !== null && !model.available;
    this.modelTarget.toggleAttribute("data-missing", missing);
    this.modelPriceTarget.textContent = missing ? model.reason || t("Not available now.") : priceOf(model);
  }

  /** Has it told what the message may cost; while the one before is on its way its place is unknown. */
  #forecast(model: ModelView | null): void {
    const { thread, forecast, mayWrite, limits } = session();
    const content = this.textTarget.value;
    const answering = thread.runningTurn !== null;
    const placed = !thread.busy || answering;
    const sendable = mayWrite && content.trim() !== "" && tooLong(content, limits) === null;
    if (!placed || !sendable || !isPriced(model)) return forecast.want(null);
    const parent = thread.path.leaf?.id ?? null;
    // An answer that is being written will be part of the prompt.
    forecast.want({ type: "chat", conversation: thread.id, parent, model: model.id, content }, answering);
  }

  #showBudget(budget: BudgetView): void {
    if (budget.remaining_nano_usd > 0) return;
    const names = new Intl.ListFormat(document.documentElement.lang || "en").format(budget.raisers);
    this.#say(
      names === ""
        ? t("The budget is used up.")
        : t("The budget is used up. {names} can raise it.", { names }),
    );
  }

  #resize(): void {
    const { style } = this.textTarget;
    if (this.textTarget.value.length > MEASURED_CHARACTERS) {
      style.height = "40vh";
      return;
    }
    style.height = "auto";
    style.height = `${this.textTarget.scrollHeight}px`;
  }
}

function priceOf(model: ModelView | null): string {
  if (model === null || model.price === null) return "";
  return t("{input} in · {output} out", {
    input: money(model.price.input_nano_usd_per_million),
    output: money(model.price.output_nano_usd_per_million),
  });
}
