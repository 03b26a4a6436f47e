/** The one way from HTML text to nodes. DOMPurify holds the page's only Trusted Types policy. */

import DOMPurify from "dompurify";

const TAGS = [
  "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code",
  "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td", "span", "div",
];
const ATTRIBUTES = ["href", "title", "class", "start", "data-language", "data-source", "data-maths"];

export function toFragment(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    RETURN_DOM_FRAGMENT: true,
  });
}
