/** An answer's text on the page, stored or growing: the one rendering path. */

import { BlockSplitter } from "../models/blocks";
import { enrich } from "./enrich";
import { blockStarts, definesLinks, toHtml, type Environment } from "./markdown";
import { morphChildren } from "./morph";
import { toFragment } from "./sanitize";

export class Prose {
  #splitter = new BlockSplitter(blockStarts);
  #environment: Environment = {};
  #tail: HTMLElement | null = null;
  #finished = false;

  constructor(private readonly root: HTMLElement) {}

  /** Shows a text that may still grow. Blocks that are finished are not touched again. */
  grow(text: string): void {
    if (this.#finished || !text.startsWith(this.#splitter.text)) this.#clear();
    for (const block of this.#splitter.grow(text)) this.#settle(block.source);
    this.#showTail();
  }

  /** Shows a text that is complete. */
  finish(text: string): void {
    if (this.#finished && text === this.#splitter.text) return;
    this.grow(text);
    for (const block of this.#splitter.finish()) this.#settle(block.source);
    this.#tail?.remove();
    this.#tail = null;
    this.#finished = true;
    if (definesLinks(this.#environment)) this.#resolveLinks();
  }

  #clear(): void {
    this.#splitter = new BlockSplitter(blockStarts);
    this.#environment = {};
    this.#tail = null;
    this.#finished = false;
    this.root.replaceChildren();
  }

  #settle(source: string): void {
    const place = this.#tail ?? this.#newBlock();
    this.#tail = null;
    place.replaceChildren(this.#render(source, true));
    if (!place.hasChildNodes()) place.remove();
  }

  #showTail(): void {
    const source = this.#splitter.tail;
    if (source.trim() === "") return;
    this.#tail ??= this.#newBlock();
    morphChildren(this.#tail, this.#render(source, false));
  }

  /** Definitions of link targets may come after their use: with all of them known, show the text once more. */
  #resolveLinks(): void {
    const environment = this.#environment;
    const text = this.#splitter.text;
    this.root.replaceChildren();
    const splitter = new BlockSplitter(blockStarts);
    this.#environment = { ...environment, headings: [] };
    for (const block of [...splitter.grow(text), ...splitter.finish()]) this.#settle(block.source);
  }

  #newBlock(): HTMLElement {
    const block = document.createElement("div");
    block.className = "block";
    this.root.append(block);
    return block;
  }

  #render(source: string, settled: boolean): DocumentFragment {
    const { references, headings = [] } = this.#environment;
    // What is not settled leaves nothing behind: a "#" may yet become "##".
    const environment = settled ? this.#environment : { references, headings: [...headings] };
    const fragment = toFragment(toHtml(source, environment as Environment));
    enrich(fragment, settled);
    return fragment;
  }
}
