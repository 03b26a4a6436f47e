/** The one way from HTML text to nodes. DOMPurify holds the page's only Trusted Types policy. */

import DOMPurify from "dompurify";

const TAGS = [
  "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code",
  "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td", "span", "div",
];
/** Attributes that hold no address, and so need not look like one. */
const PLAIN_ATTRIBUTES = ["start", "data-language", "data-source", "data-maths"];
const ATTRIBUTES = ["href", "title", "class", ...PLAIN_ATTRIBUTES];

export function toFragment(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ADD_URI_SAFE_ATTR: PLAIN_ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    RETURN_DOM_FRAGMENT: true,
  });
}
