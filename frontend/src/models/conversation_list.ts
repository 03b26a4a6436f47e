/** The conversations of the sidebar, newest first, in the groups a person looks for. */

import type { ConversationView } from "./views";

export type GroupName = "pinned" | "today" | "yesterday" | "week" | "older" | "archived";

export interface Group {
  name: GroupName;
  items: ConversationView[];
}

const ORDER: GroupName[] = ["pinned", "today", "yesterday", "week", "older", "archived"];
const DAY_MS = 24 * 60 * 60 * 1000;

export class ConversationList {
  readonly #items = new Map<string, ConversationView>();

  get(id: string): ConversationView | undefined {
    return this.#items.get(id);
  }

  get size(): number {
    return this.#items.size;
  }

  add(items: readonly ConversationView[]): void {
    for (const item of items) this.#items.set(item.id, item);
  }

  replaceAll(items: readonly ConversationView[]): void {
    this.#items.clear();
    this.add(items);
  }

  change(id: string, changes: Partial<ConversationView>): void {
    const item = this.#items.get(id);
    if (item !== undefined) this.#items.set(id, { ...item, ...changes });
  }

  /** Takes one out and returns it, so that it can be put back. */
  remove(id: string): ConversationView | undefined {
    const item = this.#items.get(id);
    this.#items.delete(id);
    return item;
  }

  /** The groups that are not empty. Days are the person's own, not UTC's. */
  groups(now: Date): Group[] {
    const groups = new Map<GroupName, ConversationView[]>();
    const items = [...this.#items.values()].sort((a, b) => b.updated_at.localeCompare(a.updated_at));
    for (const item of items) {
      const name = groupOf(item, now);
      groups.set(name, [...(groups.get(name) ?? []), item]);
    }
    return ORDER.flatMap((name) => {
      const found = groups.get(name);
      return found === undefined ? [] : [{ name, items: found }];
    });
  }
}

function groupOf(item: ConversationView, now: Date): GroupName {
  if (item.archived) return "archived";
  if (item.pinned) return "pinned";
  const days = daysBefore(new Date(item.updated_at), now);
  if (days <= 0) return "today";
  if (days === 1) return "yesterday";
  return days <= 7 ? "week" : "older";
}

/** Midnights between two moments; rounding absorbs the 23- and 25-hour days of clock changes. */
function daysBefore(then: Date, now: Date): number {
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(now).getTime() - midnight(then).getTime()) / DAY_MS);
}
