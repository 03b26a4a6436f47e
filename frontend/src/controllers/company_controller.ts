/** Who else is here, and who is writing. */

import { Controller } from "@hotwired/stimulus";
import { list } from "../models/format";
import type { Person } from "../models/protocol";
import { t } from "../models/words";
import { element } from "../rendering/elements";
import { session } from "../session";

const WRITING_SHOWN_MS = 5_000;
/** More people than this are a number. */
const SHOWN = 4;

export default class CompanyController extends Controller<HTMLElement> {
  static override targets = ["people", "writing"];
  declare readonly hasPeopleTarget: boolean;
  declare readonly peopleTarget: HTMLElement;
  declare readonly writingTarget: HTMLElement;
  declare readonly hasWritingTarget: boolean;

  #ends: (() => void)[] = [];
  #conversation: string | null = null;
  readonly #writing = new Map<number, { name: string; timer: number }>();

  override connect(): void {
    const page = session();
    this.#conversation = page.thread.id;
    this.#ends = [
      page.on("people", (people) => this.#showPeople(people)),
      page.on("writing", (person) => this.#showWriting(person)),
      page.thread.on("path", () => this.#moved()),
      page.thread.on("line", () => this.#forgetSenders()),
    ];
  }

  override disconnect(): void {
    for (const end of this.#ends) end();
    for (const { timer } of this.#writing.values()) window.clearTimeout(timer);
  }

  /** Another conversation has other company; a new one gets its name later. */
  #moved(): void {
    const { id } = session().thread;
    if (id === this.#conversation) return;
    const begun = this.#conversation === null && session().thread.path.messages.length > 0;
    this.#conversation = id;
    if (begun) return;
    this.#showPeople([]);
    for (const { timer } of this.#writing.values()) window.clearTimeout(timer);
    this.#writing.clear();
    this.#showWriters();
  }

  #showPeople(people: readonly Person[]): void {
    if (!this.hasPeopleTarget) return;
    const others = people.filter((person) => person.id !== session().boot.user.id);
    const names = t("Also here: {names}", { names: list(others.map(({ name }) => name)) });
    const marks = others.slice(0, SHOWN).map((person) => avatar(person));
    if (others.length > SHOWN) marks.push(element("span", { class: "avatar" }, `+${others.length - SHOWN}`));
    this.peopleTarget.replaceChildren(...marks);
    this.peopleTarget.hidden = others.length === 0;
    this.peopleTarget.title = names;
    this.peopleTarget.setAttribute("aria-label", names);
  }

  #showWriting(person: Person): void {
    if (!this.hasWritingTarget || person.id === session().boot.user.id) return;
    window.clearTimeout(this.#writing.get(person.id)?.timer);
    const timer = window.setTimeout(() => this.#ended(person.id), WRITING_SHOWN_MS);
    this.#writing.set(person.id, { name: person.name, timer });
    this.#showWriters();
  }

  /** Whoever has sent a message does not write it any more. */
  #forgetSenders(): void {
    for (const { person } of session().thread.line.messages) this.#ended(person.id);
  }

  #ended(id: number): void {
    window.clearTimeout(this.#writing.get(id)?.timer);
    if (this.#writing.delete(id)) this.#showWriters();
  }

  #showWriters(): void {
    if (!this.hasWritingTarget) return;
    const names = [...this.#writing.values()].map(({ name }) => name);
    const words = names.length === 1 ? t("{name} is writing…", { name: names[0] ?? "" }) : several(names);
    if (this.writingTarget.textContent !== words) this.writingTarget.textContent = words;
  }
}

function several(names: string[]): string {
  return names.length === 0 ? "" : t("{names} are writing…", { names: list(names) });
}

/** A person's initials; the names are told as a whole. */
function avatar(person: Person): HTMLElement {
  const words = person.name.trim().split(/\s+/);
  const initials = (words.length > 1 ? [words[0], words.at(-1)] : [words[0]]).map((word) => [...(word ?? "")][0]);
  return element("span", { class: "avatar", "aria-hidden": "true" }, initials.join("").toLocaleUpperCase());
}
