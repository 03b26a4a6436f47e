/** The messages that wait for the answer before them: as the server says, and those on their way there. */

import type { ErrorEvent, Event, Person, WaitingMessage } from "./protocol";

export class WaitingLine {
  #told: readonly WaitingMessage[] = [];
  /** One's own, until the server tells of them. */
  readonly #sent = new Map<string, { message: WaitingMessage; queued: boolean }>();
  /** Those to be taken back. */
  readonly #withdrawn = new Set<string>();

  constructor(
    private readonly me: Person,
    /** Somebody else waits, or fewer do; with what is new of one's own. */
    private readonly changed: (position: number | null, refused: WaitingMessage | null) => void,
  ) {}

  /** All who wait, the next one first; those who were refused are their person's business. */
  get messages(): readonly WaitingMessage[] {
    const told = this.#told.filter(({ refused, person }) => !refused || person.id === this.me.id);
    return [...told, ...[...this.#sent.values()].map(({ message }) => message)];
  }

  clear(): void {
    this.#told = [];
    this.#sent.clear();
    this.#withdrawn.clear();
    this.changed(null, null);
  }

  /** Shows a message of one's own that is sent while an answer is being written. */
  add(id: string, content: string): void {
    const message = { id, person: this.me, content, created_at: new Date().toISOString() };
    this.#sent.set(id, { message, queued: false });
    this.changed(null, null);
  }

  /** Takes what the server says of the line of `conversation`. */
  handle(event: Event, conversation: string | null): void {
    if (event.type === "queued") {
      const sent = this.#sent.get(event.id);
      if (sent !== undefined) sent.queued = true;
      if (event.conversation === conversation) this.changed(event.position, null);
    } else if (event.type === "queue" && event.conversation === conversation) {
      const known = new Set(this.#told.filter(({ refused }) => refused).map(({ id }) => id));
      this.#told = event.waiting;
      for (const { id } of event.waiting) this.#sent.delete(id);
      // What was in line and is not told of has left it.
      for (const [id, { queued }] of this.#sent) if (queued) this.#sent.delete(id);
      const refused = this.messages.find((each) => each.refused && !known.has(each.id));
      this.changed(null, refused ?? null);
    }
  }

  /** A message leaves the line: it is answered or refused. Gives its text if it was here. */
  take(id: string): string | null {
    const message = this.messages.find((each) => each.id === id);
    if (message === undefined) return null;
    this.#sent.delete(id);
    this.#told = this.#told.filter((each) => each.id !== id);
    this.changed(null, null);
    return message.content;
  }

  /** What a refusal says of a message of the line here: it leaves with its text. */
  refused(event: ErrorEvent, conversation: string | null): string | null {
    const told = refusedText(event);
    const left = event.id ? this.take(event.id) : null;
    return left ?? (told?.conversation === conversation ? told.content : null);
  }

  withdraw(id: string): void {
    this.#withdrawn.add(id);
  }

  /** Whether an error only says that there was nothing to take back any more. */
  tooLate(event: ErrorEvent): boolean {
    return event.code === "not_found" && event.id !== undefined && this.#withdrawn.delete(event.id ?? "");
  }
}

/** The text of a message that was refused when it was its turn, and where it was to go. */
export function refusedText(event: ErrorEvent): { conversation: string; content: string } | null {
  const { conversation, content } = event.detail ?? {};
  if (typeof conversation !== "string" || typeof content !== "string") return null;
  return { conversation, content };
}
