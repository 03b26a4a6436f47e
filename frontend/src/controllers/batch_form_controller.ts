/** A new batch: its lines are looked at before anything is sent, and nothing typed is lost when it is refused. */

import { Controller } from "@hotwired/stimulus";
import { pageAt, type Read } from "../page_reading";

const PAUSE_MS = 500;
/** A longer file is sent once only, unless somebody asks to look at it. */
const MOST_LOOKED_AT_BYTES = 2 * 1024 * 1024;
/** A longer text is sent as a file: the fields of a form may hold less than files. */
const LONGEST_FIELD = 500_000;

export default class BatchFormController extends Controller<HTMLFormElement> {
  static override targets = ["file", "drop", "verdict", "send", "failed", "large"];
  static override values = { mostBytes: Number };
  declare readonly fileTarget: HTMLInputElement;
  declare readonly dropTarget: HTMLElement;
  /** What was found in the lines, or why they are refused. */
  declare readonly verdictTarget: HTMLElement;
  declare readonly sendTarget: HTMLButtonElement;
  declare readonly failedTarget: HTMLElement;
  declare readonly largeTarget: HTMLElement;
  declare readonly mostBytesValue: number;

  #timer = 0;
  #asking: AbortController | null = null;
  /** The page is older than the sign-in perhaps. */
  #stale = false;

  override disconnect(): void {
    window.clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  over(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.dropTarget.dataset["over"] = "";
  }

  out(): void {
    delete this.dropTarget.dataset["over"];
  }

  drop(event: DragEvent): void {
    this.out();
    const files = event.dataTransfer?.files;
    if (files === undefined || files.length === 0) return;
    event.preventDefault();
    this.fileTarget.files = files;
    this.changed();
  }

  /** Looks at the lines once nothing changes any more. */
  changed(): void {
    window.clearTimeout(this.#timer);
    this.largeTarget.hidden = this.#size() <= this.mostBytesValue;
    if (this.#size() > MOST_LOOKED_AT_BYTES) return;
    this.#timer = window.setTimeout(() => this.#look(), PAUSE_MS);
  }

  async send(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    window.clearTimeout(this.#timer);
    const looks = event.submitter instanceof HTMLButtonElement && event.submitter.value === "check";
    if (this.#size() > this.mostBytesValue) return;
    if (looks) return void this.#look();
    this.#busy(true);
    const answer = await this.#ask(this.#content("send"));
    this.#busy(false);
    if (answer === null) return;
    if (led(answer, this.element.action)) location.assign(answer.address);
    else this.#show(answer, true);
  }

  async #look(): Promise<void> {
    const answer = await this.#ask(this.#content("check"));
    if (answer !== null && !led(answer, this.element.action)) this.#show(answer, false);
  }

  #content(act: "send" | "check"): FormData {
    const content = new FormData(this.element);
    content.set("act", act);
    const prompts = String(content.get("prompts"));
    if (prompts.length > LONGEST_FIELD && this.#size() === 0) {
      content.set("file", new File([prompts], "lines"));
      content.set("prompts", "");
    }
    return content;
  }

  #size(): number {
    return this.fileTarget.files?.[0]?.size ?? 0;
  }

  /** Null: nothing came, or something else was asked meanwhile. */
  async #ask(content: FormData): Promise<Read | null> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      if (this.#stale) await this.#renew(content);
      const answer = await pageAt(this.element.action, content, asking.signal);
      if (led(answer, this.element.action) && !answer.page.querySelector("[data-batch]")) throw new Error("signed out");
      this.failedTarget.hidden = true;
      this.#stale = false;
      return answer;
    } catch {
      if (asking.signal.aborted) return null;
      this.#stale = true;
      this.failedTarget.hidden = false;
      return null;
    }
  }

  /** A new sign-in has a new proof that this site's page asks. */
  async #renew(content: FormData): Promise<void> {
    const { page } = await pageAt(this.element.action);
    const proof = page.querySelector<HTMLInputElement>("form[data-controller=batch-form] [name=csrfmiddlewaretoken]");
    if (proof !== null) content.set(proof.name, proof.value);
  }

  #show({ page }: Read, refused: boolean): void {
    const verdict = page.getElementById(this.verdictTarget.id);
    if (verdict === null) {
      this.#stale = true;
      this.failedTarget.hidden = false;
      return;
    }
    this.verdictTarget.replaceChildren(...document.importNode(verdict, true).childNodes);
    if (refused) this.verdictTarget.focus();
  }

  #busy(busy: boolean): void {
    this.sendTarget.disabled = busy;
    this.element.toggleAttribute("aria-busy", busy);
  }
}

function led({ address }: Read, from: string): boolean {
  return new URL(address).pathname !== new URL(from).pathname;
}
