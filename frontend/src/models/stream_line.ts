/** One stream of frames over HTTP, from its opening to its end. */

import { SseReader } from "./sse";

/** Posts a body to the door; `streams` asks for a stream instead of a short answer. */
export type Post = (body: string, streams: boolean, signal: AbortSignal) => Promise<Response>;

/** What the door says where it refuses. */
export interface Told {
  code: string;
  message: string;
  id?: string;
}

export interface LineHandlers {
  /** Anything came, be it a sign of life alone. */
  heard(): void;
  frame(text: string): void;
  /** It is over, and not because it was closed here. */
  ended(code: number, told: Told | null): void;
}

/** The close codes of the protocol, by what the door says. */
const CODES: Readonly<Record<string, number>> = {
  not_signed_in: 4401,
  csrf_failed: 4403,
  rate_limited: 4429,
  restarting: 4012,
  storage_unavailable: 4012,
};
/** As a socket ends that breaks. */
export const BROKEN = 1006;

export class StreamLine {
  readonly #abort = new AbortController();
  #code = BROKEN;

  constructor(
    private readonly post: Post,
    private readonly handlers: LineHandlers,
  ) {}

  open(body: string): void {
    void this.#run(body).then(
      (told) => this.#end(told),
      () => this.#end(null),
    );
  }

  close(): void {
    this.#abort.abort();
  }

  #end(told: Told | null): void {
    if (!this.#abort.signal.aborted) this.handlers.ended(this.#code, told);
  }

  async #run(body: string): Promise<Told | null> {
    const response = await this.post(body, true, this.#abort.signal);
    // Something between here and the server may answer in its place.
    const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
    if (!response.ok || !isStream || response.body === null) {
      const told = await refusalOf(response);
      this.#code = codeOf(told);
      return told;
    }
    await this.#read(response.body.getReader());
    return null;
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const events = new SseReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#abort.signal.aborted) return;
      this.handlers.heard();
      for (const { name, data } of events.take(decoder.decode(value, { stream: true }))) {
        if (name === "close") this.#code = (JSON.parse(data) as { code: number }).code;
        else this.handlers.frame(data);
        // What was heard may have led to its end.
        if (this.#abort.signal.aborted) return;
      }
    }
  }
}

/** The close code that a refusal stands for. */
export function codeOf(told: Told | null): number {
  return CODES[told?.code ?? ""] ?? BROKEN;
}

/** What the door said; null if it was something else that answered. */
export async function refusalOf(response: Response): Promise<Told | null> {
  try {
    const { error } = (await response.json()) as { error?: Told };
    return typeof error?.code === "string" ? error : null;
  } catch {
    return null;
  }
}
