/** Server-sent events, read from the pieces in which they come. */

export interface SseEvent {
  /** "message" unless the server named it. */
  name: string;
  data: string;
}

export class SseReader {
  #rest = "";

  /** Takes a piece of text; gives the events that are whole now. Comments are none. */
  take(piece: string): SseEvent[] {
    const blocks = (this.#rest + piece).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    return blocks.map(read).filter(({ data }) => data !== "");
  }
}

function read(block: string): SseEvent {
  const event = { name: "message", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event.name = line.slice("event: ".length);
    else if (line.startsWith("data: ")) event.data = line.slice("data: ".length);
  }
  return event;
}
