/** One batch: its figures and lines follow what happens, for as long as something does and somebody looks. */

import { Controller } from "@hotwired/stimulus";
import { Milestones, type Standing } from "../models/milestones";
import { Refreshing, type Again } from "../models/refreshing";
import { pageAt, Unreachable } from "../page_reading";
import { element } from "../rendering/elements";
import { rememberRows, takeOver } from "../rendering/live_page";

export default class BatchController extends Controller<HTMLElement> {
  static override targets = ["figures", "said", "news", "stale", "gone"];
  declare readonly figuresTarget: HTMLElement;
  /** How far it is, as a sentence. */
  declare readonly saidTarget: HTMLElement;
  declare readonly newsTarget: HTMLElement;
  declare readonly staleTarget: HTMLElement;
  declare readonly goneTarget: HTMLElement;

  #milestones!: Milestones;
  #refreshing: Refreshing | null = null;
  readonly #look = () => {
    if (document.visibilityState === "visible") this.#refreshing?.wake();
    else this.#refreshing?.rest();
  };

  override connect(): void {
    rememberRows(this.element);
    this.#milestones = new Milestones(this.#standing());
    if (this.#again() === "never") return;
    const timers = { set: window.setTimeout.bind(window), clear: (timer: unknown) => window.clearTimeout(timer as number) };
    this.#refreshing = new Refreshing(
      () => this.#read(),
      timers,
      (failing) => (this.staleTarget.hidden = !failing),
    );
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  override disconnect(): void {
    document.removeEventListener("visibilitychange", this.#look);
    this.#refreshing?.rest();
  }

  /** Shows a whole line below its beginning; the link leads to a page with the same. */
  async open(event: Event): Promise<void> {
    const link = event.currentTarget as HTMLAnchorElement;
    if (event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    const row = link.closest("tr");
    const opened = row?.nextElementSibling;
    if (opened?.matches("[data-added]")) {
      opened.remove();
      link.setAttribute("aria-expanded", "false");
      return;
    }
    if (link.hasAttribute("aria-busy")) return;
    link.setAttribute("aria-busy", "true");
    try {
      const { page } = await pageAt(link.href);
      const whole = page.querySelector("[data-whole]");
      if (whole === null || row === null) throw new Unreachable();
      const cell = element("td", { colspan: String(row.cells.length) }, document.importNode(whole, true));
      row.after(element("tr", { "data-added": "" }, cell));
      link.setAttribute("aria-expanded", "true");
    } catch {
      location.assign(link.href);
    }
    link.removeAttribute("aria-busy");
  }

  async #read(): Promise<Again> {
    const { page, status, address } = await pageAt(location.href);
    const gone = status === 403 || status === 404 || new URL(address).pathname !== location.pathname;
    this.goneTarget.hidden = !gone;
    if (gone) return "never";
    if (status !== 200 || !takeOver(this.element, page)) throw new Unreachable();
    if (this.#milestones.reached(this.#standing())) this.newsTarget.textContent = this.saidTarget.textContent;
    return this.#again();
  }

  #again(): Again {
    const { goesOn, state } = this.figuresTarget.dataset;
    if (goesOn === "true") return "often";
    return state === "finished" ? "never" : "seldom";
  }

  #standing(): Standing {
    const { state = "", done, total } = this.figuresTarget.dataset;
    return { state, done: Number(done), total: Number(total) };
  }
}
