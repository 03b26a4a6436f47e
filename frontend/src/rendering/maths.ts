/** Markdown rules for TeX: `$…$` and `\(…\)` within a line, `$$…$$` and `\[…\]` on their own. */

import type MarkdownIt from "markdown-it";

type Parser = ReturnType<typeof MarkdownIt>;
type InlineRule = Parameters<Parser["inline"]["ruler"]["before"]>[2];
type BlockRule = Parameters<Parser["block"]["ruler"]["before"]>[2];

const PAIRS = [
  { open: "$$", close: "$$", display: true },
  { open: "\\[", close: "\\]", display: true },
  { open: "\\(", close: "\\)", display: false },
] as const;

const inline: InlineRule = (state, silent) => {
  const found = pairAt(state.src, state.pos) ?? dollarsAt(state.src, state.pos);
  if (found === null || found.end > state.posMax) return false;
  if (!silent) {
    const token = state.push("maths", "", 0);
    token.content = found.tex;
    token.meta = { display: found.display };
  }
  state.pos = found.end;
  return true;
};

interface Found {
  tex: string;
  end: number;
  display: boolean;
}

function pairAt(text: string, at: number): Found | null {
  for (const { open, close, display } of PAIRS) {
    if (!text.startsWith(open, at)) continue;
    const end = text.indexOf(close, at + open.length);
    const tex = end === -1 ? "" : text.slice(at + open.length, end);
    if (tex.trim() !== "") return { tex, end: end + close.length, display };
  }
  return null;
}

/** Single dollars are maths only where they cannot be money: "costs $5 and $10" stays text. */
function dollarsAt(text: string, at: number): Found | null {
  if (text[at] !== "$" || text[at + 1] === "$" || /\s/.test(text[at + 1] ?? " ")) return null;
  for (let end = at + 1; end < text.length && text[end] !== "\n"; end += 1) {
    if (text[end] === "\\") end += 1;
    else if (text[end] === "$") {
      const closes = !/\s/.test(text[end - 1] ?? " ") && !/[\p{L}\p{N}$]/u.test(text[end + 1] ?? "");
      return closes ? { tex: text.slice(at + 1, end), end: end + 1, display: false } : null;
    }
  }
  return null;
}

const block: BlockRule = (state, startLine, endLine, silent) => {
  const lineAt = (line: number) =>
    state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line] ?? 0);
  const first = lineAt(startLine);
  const pair = PAIRS.find(({ open, display }) => display && first.startsWith(open));
  if (pair === undefined || (state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
  const lines: string[] = [];
  for (let line = startLine; line < endLine; line += 1) {
    const text = line === startLine ? first.slice(pair.open.length) : lineAt(line);
    const end = text.indexOf(pair.close);
    if (end === -1) {
      if (text.trim() === "" && line > startLine) return false;
      lines.push(text);
      continue;
    }
    if (text.slice(end + pair.close.length).trim() !== "") return false;
    if (silent) return true;
    lines.push(text.slice(0, end));
    const token = state.push("maths_block", "", 0);
    token.block = true;
    token.content = lines.join("\n");
    token.map = [startLine, line + 1];
    state.line = line + 1;
    return true;
  }
  return false;
};

export function maths(markdown: Parser): void {
  const escape = markdown.utils.escapeHtml;
  markdown.inline.ruler.before("escape", "maths", inline);
  markdown.block.ruler.before("fence", "maths_block", block, { alt: ["paragraph", "list"] });
  markdown.renderer.rules.maths = (tokens, index) => {
    const token = tokens[index];
    const kind = (token?.meta as { display: boolean } | null)?.display ? "display" : "inline";
    return `<span class="maths" data-maths="${kind}">${escape(token?.content ?? "")}</span>`;
  };
  markdown.renderer.rules.maths_block = (tokens, index) =>
    `<div class="maths" data-maths="display">${escape(tokens[index]?.content ?? "")}</div>\n`;
}
