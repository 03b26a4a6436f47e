/** Where the reader is in the thread: follows new text only from the bottom, else keeps their place. */

const NEAR_PIXELS = 48;

export class Reader {
  #follows = true;
  #far = false;
  #lastTop = 0;
  readonly #observer: ResizeObserver;

  constructor(private readonly box: HTMLElement) {
    this.#observer = new ResizeObserver(() => {
      if (this.#follows) this.#toBottom();
      else this.#tell();
    });
    this.#observer.observe(box);
    if (box.firstElementChild !== null) this.#observer.observe(box.firstElementChild);
  }

  disconnect(): void {
    this.#observer.disconnect();
  }

  /** To be called at every scroll: only a movement up, which growth never makes, ends the following. */
  scrolled(): void {
    const { scrollTop } = this.box;
    if (this.#distance() < NEAR_PIXELS) this.#follows = true;
    else if (scrollTop < this.#lastTop) this.#follows = false;
    this.#lastTop = scrollTop;
    this.#tell();
  }

  /** Ends the following: what comes next is for the reader to look at where they are. */
  stay(): void {
    this.#follows = false;
  }

  toNewest(): void {
    this.#follows = true;
    this.#toBottom();
    this.#tell();
  }

  /** Runs a change above or around the reader's place without moving what they read. */
  keepPlace(change: () => void): void {
    const anchor = this.#follows ? null : this.#firstVisible();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (this.#follows) this.#toBottom();
    else if (anchor?.isConnected) this.box.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  #firstVisible(): Element | null {
    const top = this.box.getBoundingClientRect().top;
    const messages = [...this.box.querySelectorAll("[data-message]")];
    return messages.find((message) => message.getBoundingClientRect().bottom > top) ?? null;
  }

  #distance(): number {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
  }

  #toBottom(): void {
    this.box.scrollTop = this.box.scrollHeight;
    this.#lastTop = this.box.scrollTop;
  }

  #tell(): void {
    const far = this.#distance() > this.box.clientHeight / 2;
    if (far === this.#far) return;
    this.#far = far;
    this.box.dispatchEvent(new CustomEvent(far ? "reader:far" : "reader:near"));
  }
}
