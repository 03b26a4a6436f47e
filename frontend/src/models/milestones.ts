/** Which news of something long is worth being spoken: each quarter of the way, and every change of its state. */

const PARTS = 4;

export interface Standing {
  state: string;
  done: number;
  total: number;
}

export class Milestones {
  #state: string;
  #part: number;

  constructor(start: Standing) {
    this.#state = start.state;
    this.#part = partOf(start);
  }

  /** Whether it came further than what was spoken of last. */
  reached(now: Standing): boolean {
    const part = partOf(now);
    const news = part > this.#part || now.state !== this.#state;
    this.#part = Math.max(part, this.#part);
    this.#state = now.state;
    return news;
  }
}

function partOf({ done, total }: Standing): number {
  return total > 0 ? Math.floor((PARTS * done) / total) : 0;
}
