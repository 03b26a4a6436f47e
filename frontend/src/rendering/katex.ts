/** KaTeX, asked for nodes and never for HTML text. */

import katex from "katex";

/** The nodes of a formula, or null for TeX that it cannot read. */
export function render(tex: string, display: boolean): DocumentFragment | null {
  const holder = document.createElement("span");
  try {
    // KaTeX would show an error with a style attribute, which the page's policy forbids: so it throws.
    katex.render(tex, holder, {
      displayMode: display,
      throwOnError: true,
      trust: false,
      strict: "ignore",
      maxExpand: 500,
      maxSize: 20,
      // Commands that are not trusted are shown by name, in this colour.
      errorColor: "currentcolor",
    });
  } catch {
    return null;
  }
  const nodes = document.createDocumentFragment();
  nodes.append(...holder.childNodes);
  return nodes;
}
