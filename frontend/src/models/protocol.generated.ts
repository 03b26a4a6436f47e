/** The frames of the browser socket, tram.v1. Made by `make protocol`. */

/** A turn was stored, its worst cost is held, and it runs. */
export interface Accepted {
  type: "accepted";
  id: string;
  conversation: string;
  user_message: string | null;
  assistant_message: string;
  turn: string;
  epoch: number;
  model: string;
  hold_nano_usd: number;
}

/** Chunks of `turn` up to `seq` are in the client's hands. */
export interface Ack {
  type: "ack";
  turn: string;
  seq: number;
}

/** Watch a conversation; of `turn` send only what follows chunk `after` of `epoch`. */
export interface Attach {
  type: "attach";
  conversation: string;
  turn?: string | null;
  epoch?: number | null;
  after?: number | null;
}

/** The conversation is watched now; its running turns follow as snapshots or chunks. */
export interface Attached {
  type: "attached";
  conversation: string;
  turns: readonly string[];
}

/** Start a turn with a new message. `id` makes a repeated send the same turn. */
export interface Chat {
  type: "chat";
  id: string;
  content: string;
  model?: string | null;
  conversation?: string | null;
  parent?: string | null;
  options?: Options;
  attachments?: readonly string[];
}

/** Numbered piece of an answer. `offset` counts UTF-16 code units of content before it; `extras` is what is no text: `tool_calls`, `function_call`, `refusal`, `logprobs`. */
export interface Chunk {
  type: "chunk";
  turn: string;
  epoch: number;
  seq: number;
  offset: number;
  content: string;
  reasoning?: string;
  extras?: Record<string, unknown> | null;
}

/** Go on from the cut assistant message `message`, in a sibling that begins with its text. */
export interface Continue {
  type: "continue";
  id: string;
  message: string;
}

/** Something changed in a watched conversation or in the team's list of them. */
export interface ConversationChanged {
  type: "conversation";
  conversation: string;
  change: "archived" | "deleted" | "message" | "pinned" | "restored" | "title" | "unarchived" | "unpinned";
  title?: string | null;
  turn?: string | null;
  user_message?: string | null;
  assistant_message?: string | null;
}

/** Stop watching a conversation. Its turns go on. */
export interface Detach {
  type: "detach";
  conversation: string;
}

/** A turn ended, with what it cost and on what evidence. `sha256` is of the UTF-8 text. */
export interface Done {
  type: "done";
  turn: string;
  state: "budget_stopped" | "completed" | "failed" | "interrupted" | "orphaned" | "running";
  finish_reason: string | null;
  usage: Usage;
  cost_nano_usd: number;
  quality: "estimated" | "reconciled" | "reported";
  stats: Stats;
  sha256: string;
  error?: TurnError | null;
}

/** A sibling of the person's message `message`, and its answer. */
export interface Edit {
  type: "edit";
  id: string;
  message: string;
  content: string;
  model?: string | null;
  options?: Options;
}

/** A command was refused; `id` or `turn` says which. */
export interface Error {
  type: "error";
  code: "bad_frame" | "budget_exhausted" | "forbidden" | "idempotency_mismatch" | "internal_error" | "model_not_allowed" | "model_unknown" | "not_found" | "rate_limited" | "relay_auth" | "relay_error" | "relay_protocol" | "relay_rate_limited" | "relay_stream_broken" | "relay_timeout" | "relay_truncated" | "relay_unavailable" | "restarting" | "storage_unavailable" | "too_many_turns";
  message: string;
  id?: string | null;
  turn?: string | null;
  retry_after_seconds?: number | null;
  detail?: Record<string, unknown> | null;
}

/** Stop a turn. Asking twice is the same as asking once. */
export interface Interrupt {
  type: "interrupt";
  turn: string;
}

/** The server's limits a client should know before it hits them. */
export interface Limits {
  max_message_characters: number;
  max_frame_bytes: number;
  ack_window_bytes: number;
  ack_interval_ms: number;
  ack_interval_bytes: number;
}

/** Something worth knowing about a running turn. Of one that waits for the relay's key either `position` in line (from 1) or the seconds to wait are told. */
export interface Notice {
  type: "notice";
  turn: string;
  code: "fallback" | "resumed" | "retrying" | "waiting";
  detail: string;
  position?: number | null;
  delay_seconds?: number | null;
}

/** How the model should answer; what is left out is the server's default. */
export interface Options {
  temperature?: number | null;
  top_p?: number | null;
  max_tokens?: number | null;
  system?: string | null;
}

/** A person as others see them. */
export interface Person {
  id: number;
  name: string;
}

/** Answered by `pong`. */
export interface Ping {
  type: "ping";
}

/** The answer to `ping`. */
export interface Pong {
  type: "pong";
}

/** Who watches a conversation now. */
export interface Presence {
  type: "presence";
  conversation: string;
  people: readonly Person[];
}

/** All messages that wait in a watched conversation, the next one first. */
export interface Queue {
  type: "queue";
  conversation: string;
  waiting: readonly WaitingMessage[];
}

/** A message waits for the answer before it; `accepted` follows. `position` counts from 1. */
export interface Queued {
  type: "queued";
  id: string;
  conversation: string;
  position: number;
}

/** The connection is signed in and may be used. */
export interface Ready {
  type: "ready";
  protocol: string;
  user: Person;
  team: TeamView | null;
  connection: string;
  limits: Limits;
  heartbeat_seconds: number;
}

/** Why a waiting message was not sent when it was its turn: as an `error` says it. */
export interface Refusal {
  code: "bad_frame" | "budget_exhausted" | "forbidden" | "idempotency_mismatch" | "internal_error" | "model_not_allowed" | "model_unknown" | "not_found" | "rate_limited" | "relay_auth" | "relay_error" | "relay_protocol" | "relay_rate_limited" | "relay_stream_broken" | "relay_timeout" | "relay_truncated" | "relay_unavailable" | "restarting" | "storage_unavailable" | "too_many_turns";
  message: string;
  detail?: Record<string, unknown> | null;
}

/** Another answer beside the assistant message `message`. */
export interface Regenerate {
  type: "regenerate";
  id: string;
  message: string;
  model?: string | null;
  options?: Options;
}

/** The text that the client holds is not what `done` said: it has fetched it again. `sha256` is of what it held, `characters` its length. */
export interface Report {
  type: "report";
  turn: string;
  sha256: string;
  characters: number;
}

/** The person has another role in a team from now on; null: none. */
export interface RoleChanged {
  type: "role";
  team: string;
  role: string | null;
}

/** All the text of a turn so far; replaces what the client holds. */
export interface Snapshot {
  type: "snapshot";
  turn: string;
  epoch: number;
  seq: number;
  content: string;
  state: "budget_stopped" | "completed" | "failed" | "interrupted" | "orphaned" | "running";
  reasoning?: string;
  conversation?: string | null;
  assistant_message?: string | null;
  extras?: Record<string, unknown> | null;
}

/** How fast a turn was; null where nothing arrived to measure. */
export interface Stats {
  ttft_ms: number | null;
  total_ms: number | null;
  tokens: number;
  tokens_per_second: number | null;
}

/** The team this connection acts in, and the person's role there. */
export interface TeamView {
  id: string;
  name: string;
  role: string;
}

/** Why a turn failed: a code and a sentence; at the end also when the relay said to retry. */
export interface TurnError {
  code: string;
  message: string;
  retry_at?: string | null;
}

/** The person is writing in a conversation. */
export interface Typing {
  type: "typing";
  conversation: string;
}

/** Somebody writes in a watched conversation. */
export interface TypingNow {
  type: "typing";
  conversation: string;
  person: Person;
}

/** Token counts of a turn. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cached_tokens?: number | null;
  reasoning_tokens?: number | null;
}

/** One message in line: `id` is its sender's, who withdraws it when it is `refused`. */
export interface WaitingMessage {
  id: string;
  person: Person;
  content: string;
  created_at: string;
  refused?: Refusal | null;
}

/** Take back a message of one's own that still waits; `id` is that of its `chat`. */
export interface Withdraw {
  type: "withdraw";
  id: string;
}

export type Command =
  | Chat
  | Regenerate
  | Edit
  | Continue
  | Interrupt
  | Attach
  | Detach
  | Ack
  | Typing
  | Report
  | Withdraw
  | Ping;

export type Event =
  | Ready
  | Accepted
  | Queued
  | Queue
  | Attached
  | Snapshot
  | Chunk
  | Notice
  | Done
  | Error
  | ConversationChanged
  | Presence
  | RoleChanged
  | TypingNow
  | Pong;
