/**
 * Cuts growing Markdown into top-level blocks. A block is settled once a later one has begun on a complete
 * line; from then on it never changes, so the page need not render it again.
 */

export interface Block {
  source: string;
}

/** Tells where the top-level blocks of `source` begin, as line numbers. */
export type BlockStarts = (source: string) => number[];

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

export class BlockSplitter {
  #text = "";
  #settledLength = 0;
  /** Up to here the tail was searched for ends of blocks. */
  #searchedLength = 0;
  /** The marker that closes the code block which the tail is, or null. */
  #fence: string | null = null;

  constructor(private readonly blockStarts: BlockStarts) {}

  get text(): string {
    return this.#text;
  }

  /** The part that may still change. */
  get tail(): string {
    return this.#text.slice(this.#settledLength);
  }

  /** Takes the whole text so far, which must begin with what came before, and returns newly settled blocks. */
  grow(text: string): Block[] {
    this.#text = text;
    const complete = text.lastIndexOf("\n") + 1;
    if (complete <= this.#searchedLength) return [];
    if (this.#fence !== null && !this.#closesFence(complete)) {
      this.#searchedLength = complete;
      return [];
    }
    return this.#settle(complete);
  }

  /** Settles what is left: the text is complete. */
  finish(): Block[] {
    const blocks = this.#settle(this.#text.length);
    const tail = this.tail;
    this.#settledLength = this.#text.length;
    return tail.trim() === "" ? blocks : [...blocks, { source: tail }];
  }

  #settle(end: number): Block[] {
    const source = this.#text.slice(this.#settledLength, end);
    this.#searchedLength = end;
    const starts = this.blockStarts(source);
    const offsets = lineOffsets(source);
    const blocks: Block[] = [];
    let begin = 0;
    for (const line of starts.slice(1)) {
      const next = offsets[line] ?? source.length;
      blocks.push({ source: source.slice(begin, next) });
      begin = next;
    }
    this.#settledLength += begin;
    this.#fence = openFence(source.slice(begin));
    return blocks;
  }

  /** Looks only at lines not seen before, so a long code block costs no more per line than a short one. */
  #closesFence(complete: number): boolean {
    const fresh = this.#text.slice(this.#searchedLength, complete);
    return fresh.split("\n").some((line) => closes(line, this.#fence ?? ""));
  }
}

function lineOffsets(source: string): number[] {
  const offsets = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) {
    offsets.push(at + 1);
  }
  return offsets;
}

/** The marker of the code block that `source` opens and does not close. */
export function openFence(source: string): string | null {
  const [first = "", ...rest] = source.replace(/^(?:[ \t]*\n)+/, "").split("\n");
  const marker = FENCE.exec(first)?.[1];
  if (marker === undefined) return null;
  return rest.some((line) => closes(line, marker)) ? null : marker;
}

function closes(line: string, marker: string): boolean {
  const trimmed = line.trimEnd().replace(/^ {0,3}/, "");
  return trimmed.length >= marker.length && trimmed === (marker[0] ?? "").repeat(trimmed.length);
}
