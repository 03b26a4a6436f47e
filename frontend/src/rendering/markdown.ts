/** Markdown to HTML text. Raw HTML stays text; images and maths become placeholders for `enrich`. */

import MarkdownIt from "markdown-it";
import { maths } from "./maths";

/** What one block of a message leaves to the next: link targets, and the headings that are open. */
export type Environment = { references?: Record<string, unknown>; headings?: number[] };

const LINK = /^(?:https?:|mailto:)/i;
const PICTURE = /^(?:https?:|data:image\/(?:png|gif|jpeg|webp);base64,|blob:|\/(?!\/))/i;
/** The level of a message's own heading. */
const MESSAGE_LEVEL = 2;

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: false });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
markdown.validateLink = (address) => LINK.test(address) || PICTURE.test(address);
maths(markdown);

const escape = markdown.utils.escapeHtml;

markdown.renderer.rules.image = (tokens, index) => {
  const token = tokens[index];
  const source = String(token?.attrGet("src") ?? "");
  return `<span class="picture" data-source="${escape(source)}">${escape(token?.content ?? "")}</span>`;
};

markdown.renderer.rules.fence = (tokens, index) => {
  const token = tokens[index];
  const language = markdown.utils.unescapeAll(token?.info ?? "").trim().split(/\s+/)[0] ?? "";
  return codeBlock(token?.content ?? "", language);
};

markdown.renderer.rules.code_block = (tokens, index) => codeBlock(tokens[index]?.content ?? "", "");

function codeBlock(text: string, language: string): string {
  return `<pre data-language="${escape(language)}"><code>${escape(text)}</code></pre>`;
}

/** Headings without skipped levels, whatever the model wrote: those above, and the new one. */
function outline(open: readonly number[], level: number): number[] {
  return [...open.filter((above) => above < level), level];
}

/** Column alignment becomes a class, as the page's policy allows no style attribute. */
markdown.core.ruler.push("outline", (state) => {
  const open = ((state.env as Environment).headings ??= []);
  for (const token of state.tokens) {
    if (token.type === "heading_open") open.splice(0, open.length, ...outline(open, Number(token.tag[1])));
    if (token.type.startsWith("heading_")) token.tag = `h${Math.min(6, MESSAGE_LEVEL + open.length)}`;
    const style = token.attrGet("style");
    if (style !== null) token.attrs = [["class", String(style).replace("text-align:", "align-")]];
  }
});

/** Where the top-level blocks of a text begin, as line numbers; cheap, as inline text is not parsed. */
export function blockStarts(source: string): number[] {
  const starts: number[] = [];
  const tokens: ReturnType<typeof markdown.parse> = [];
  markdown.block.parse(source, markdown, {}, tokens);
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0 && token.map) starts.push(token.map[0]);
  }
  return starts;
}

/** Renders one block; `environment` carries link definitions from block to block of a message. */
export function toHtml(source: string, environment: Environment): string {
  return markdown.render(source, environment as Record<string, never>);
}

/** Whether a text defines link targets, which may stand after their use. */
export function definesLinks(environment: Environment): boolean {
  return Object.keys(environment.references ?? {}).length > 0;
}

export function isLink(address: string): boolean {
  return LINK.test(address);
}
