/** An open conversation over a server that answers with the pages it is given. */

import assert from "node:assert/strict";
import { type Api, ApiError } from "../src/api";
import { OpenConversation } from "../src/models/open_conversation";
import type { Command } from "../src/models/protocol";
import type { MessagePage } from "../src/models/views";
import { HandTimers, message } from "./people";

const ALICE = { id: 1, name: "Alice" };
export const QUESTION = message("question-1");
export const ANSWER = message("answer-1", { role: "assistant", parent: "question-1", author: null });

/** A conversation over a server that answers with the pages it is given, by leaf. */
export function setUp(pages: Record<string, MessagePage> = {}) {
  const sent: Command[] = [];
  const asked: (string | null)[] = [];
  const api = {
    messages: async (_id: string, leaf: string | null) => {
      asked.push(leaf);
      const found = pages[leaf ?? "newest"];
      if (found === undefined) throw new ApiError("not_found", "", 404);
      return found;
    },
  } as unknown as Api;
  const line = { isUp: true };
  const wire = {
    start: (command: Command) => void sent.push(command),
    send: (command: Command) => {
      if (line.isUp) sent.push(command);
      return line.isUp;
    },
  };
  const timers = new HandTimers();
  const conversation = new OpenConversation(api, wire, ALICE, timers);
  const announced: [string, unknown][] = [];
  for (const name of ["begun", "refused", "missing", "answering", "answered"] as const) {
    conversation.on(name, (detail: unknown) => announced.push([name, detail]));
  }
  const shown = () => conversation.path.messages.map((each) => conversation.shown(each));
  return { conversation, sent, asked, announced, shown, pages, line, timers };
}

/** Hashing takes some turns of the event loop. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 200 && !holds(); turns += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(holds());
}

export const settled = () => new Promise((resolve) => setImmediate(resolve));

export function startOf(sent: Command[]): Command & { id: string } {
  return sent.find((command) => "id" in command) as Command & { id: string };
}
