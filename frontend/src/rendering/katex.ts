/** KaTeX, asked for nodes and never for HTML text. */

import katex from "katex";

/** The nodes of a formula; faulty TeX comes back as its own text, marked. */
export function render(tex: string, display: boolean): DocumentFragment {
  const holder = document.createElement("span");
  katex.render(tex, holder, {
    displayMode: display,
    throwOnError: false,
    trust: false,
    strict: "ignore",
    maxExpand: 500,
    maxSize: 20,
    errorColor: "currentColor",
  });
  const nodes = document.createDocumentFragment();
  nodes.append(...holder.childNodes);
  return nodes;
}
