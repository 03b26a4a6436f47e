/** Turns the placeholders of sanitised Markdown into what a person uses: code with a copy button, maths, chips. */

import { t } from "../models/words";
import { element, icon } from "./elements";
import { colour } from "./highlighting";
import { isLink } from "./markdown";
import { typeset } from "./typesetting";

const LINK_RELATIONS = "noopener noreferrer nofollow";

/** `settled` says that the block will not change: only then is code coloured. */
export function enrich(root: DocumentFragment, settled: boolean): void {
  for (const link of root.querySelectorAll("a")) mendLink(link);
  for (const picture of root.querySelectorAll<HTMLElement>(".picture")) showPicture(picture);
  for (const code of root.querySelectorAll("pre")) frameCode(code, settled);
  for (const table of root.querySelectorAll("table")) frameTable(table);
  for (const formula of root.querySelectorAll<HTMLElement>(".maths")) typeset(formula);
}

function mendLink(link: HTMLAnchorElement): void {
  const address = link.getAttribute("href") ?? "";
  if (!isLink(address)) {
    link.replaceWith(...link.childNodes);
    return;
  }
  link.target = "_blank";
  link.rel = LINK_RELATIONS;
}

/** Pictures of this site are shown; a foreign one is named with its whole address and opens only by a click. */
function showPicture(picture: HTMLElement): void {
  const source = picture.dataset["source"] ?? "";
  const words = picture.textContent ?? "";
  if (/^(?:data:|blob:|\/)/.test(source)) {
    picture.replaceWith(element("img", { src: source, alt: words, loading: "lazy" }));
    return;
  }
  if (!isLink(source)) {
    picture.replaceWith(words);
    return;
  }
  const label = words === "" ? t("Image") : t("Image: {words}", { words });
  const chip = element(
    "a",
    { class: "picture-chip", href: source, target: "_blank", rel: LINK_RELATIONS },
    icon("image"),
    element("span", { class: "picture-chip-label" }, label),
    element("span", { class: "picture-chip-address" }, source),
    element("span", { class: "picture-chip-act" }, t("Not loaded. Open in a new tab")),
  );
  if (picture.closest("a") !== null) picture.closest("a")?.replaceWith(chip);
  else picture.replaceWith(chip);
}

function frameCode(code: HTMLPreElement, settled: boolean): void {
  const language = code.dataset["language"] ?? "";
  const copy = element(
    "button",
    { type: "button", class: "button-plain", "data-action": "clipboard#copyCode" },
    icon("copy"),
    element("span", {}, t("Copy")),
  );
  const head = element(
    "figcaption",
    { class: "code-head" },
    element("span", { class: "code-language" }, language || t("text")),
    copy,
  );
  const frame = element("figure", { class: "code" }, head);
  code.replaceWith(frame);
  code.tabIndex = 0;
  frame.append(code);
  const text = code.querySelector("code");
  if (settled && text !== null && language !== "") colour(text, language);
}

function frameTable(table: HTMLTableElement): void {
  const frame = element("div", { class: "table-frame", tabindex: "0", role: "group" });
  frame.setAttribute("aria-label", t("Table"));
  table.replaceWith(frame);
  frame.append(table);
}
