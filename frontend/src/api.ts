/** The JSON doors of the page. */

import type { Wish } from "./models/asking";
import type {
  BudgetView,
  ConversationPage,
  ConversationView,
  MessagePage,
  ModelList,
  Boot,
  EstimateView,
} from "./models/views";

/** A door refused or could not be reached; `code` is the server's, or "unreachable". */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

type Query = Record<string, string | number | null | undefined>;

export class Api {
  constructor(private readonly csrfToken: string) {}

  conversations(query: string, before: string | null): Promise<ConversationPage> {
    return this.#call("GET", "conversations", { query, before, limit: 30 });
  }

  conversation(id: string): Promise<ConversationView> {
    return this.#call("GET", `conversations/${id}`);
  }

  change(id: string, changes: Partial<ConversationView>): Promise<ConversationView> {
    return this.#call("PATCH", `conversations/${id}`, {}, changes);
  }

  remove(id: string): Promise<void> {
    return this.#call("DELETE", `conversations/${id}`);
  }

  restore(id: string): Promise<ConversationView> {
    return this.#call("POST", `conversations/${id}/restore`);
  }

  /** The path through `leaf` (any message), its newest `limit` messages or those before `before`. */
  messages(id: string, leaf: string | null, before: string | null, limit = 50): Promise<MessagePage> {
    return this.#call("GET", `conversations/${id}/messages`, { leaf, before, limit });
  }

  models(): Promise<ModelList> {
    return this.#call("GET", "models");
  }

  budget(): Promise<BudgetView> {
    return this.#call("GET", "budget");
  }

  /** What a turn may cost; nothing is sent. */
  estimate(wish: Wish, signal: AbortSignal): Promise<EstimateView> {
    return this.#call("POST", "estimates", {}, wish, signal);
  }

  me(): Promise<Pick<Boot, "user" | "team" | "language"> & { teams: NonNullable<Boot["teams"]> }> {
    return this.#call("GET", "me");
  }

  switchTeam(team: string): Promise<unknown> {
    return this.#call("POST", "team", {}, { team });
  }

  async #call<Answer>(
    method: string,
    path: string,
    query: Query = {},
    body?: unknown,
    signal: AbortSignal | null = null,
  ): Promise<Answer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = this.csrfToken;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await reach(`/api/${path}${search(query)}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    });
    if (!response.ok) throw await refusedBy(response);
    return (response.status === 204 ? undefined : await response.json()) as Answer;
  }
}

function search(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

async function reach(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch {
    throw new ApiError("unreachable", "", 0);
  }
}

async function refusedBy(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as { error?: { code?: string; message?: string } };
    const code = body.error?.code ?? `http_${response.status}`;
    return new ApiError(code, body.error?.message ?? "", response.status);
  } catch {
    return new ApiError(`http_${response.status}`, "", response.status);
  }
}
