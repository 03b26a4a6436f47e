/** The frames of the browser socket, subprotocol tram.v1. */

export interface Options {
  temperature?: number;
  max_tokens?: number;
  system?: string;
}

export interface Chat {
  type: "chat";
  id: string;
  conversation: string | null;
  parent: string | null;
  content: string;
  model?: string;
  options?: Options;
}

export interface Regenerate {
  type: "regenerate";
  id: string;
  message: string;
  model?: string;
  options?: Options;
}

export interface Edit {
  type: "edit";
  id: string;
  message: string;
  content: string;
  model?: string;
}

export interface Continue {
  type: "continue";
  id: string;
  message: string;
}

export interface Interrupt {
  type: "interrupt";
  turn: string;
}

export interface Attach {
  type: "attach";
  conversation: string;
  turn?: string;
  epoch?: number;
  after?: number;
}

export interface Detach {
  type: "detach";
  conversation: string;
}

export interface Ack {
  type: "ack";
  turn: string;
  seq: number;
}

export interface Typing {
  type: "typing";
  conversation: string;
}

export interface Ping {
  type: "ping";
}

/** The commands that start a turn: each has an id and is sent again, unchanged, after a reconnect. */
export type Start = Chat | Regenerate | Edit | Continue;
export type Command = Start | Interrupt | Attach | Detach | Ack | Typing | Ping;

export interface Limits {
  max_message_characters: number;
  max_frame_bytes: number;
  ack_window_bytes: number;
  ack_interval_ms: number;
  ack_interval_bytes: number;
}

export interface Person {
  id: number;
  name: string;
}

export interface Ready {
  type: "ready";
  protocol: string;
  user: Person;
  team: { id: string; name: string; role: string } | null;
  connection: string;
  limits: Limits;
  heartbeat_seconds: number;
}

export interface Accepted {
  type: "accepted";
  id: string;
  conversation: string;
  user_message?: string | null;
  assistant_message: string;
  turn: string;
  epoch: number;
  model: string;
  hold_nano_usd: number;
}

export type TurnState =
  | "running"
  | "completed"
  | "interrupted"
  | "failed"
  | "budget_stopped"
  | "orphaned";

export interface Attached {
  type: "attached";
  conversation: string;
  turns: string[];
}

export interface Snapshot {
  type: "snapshot";
  turn: string;
  epoch: number;
  seq: number;
  content: string;
  reasoning?: string | null;
  state: string;
  conversation?: string | null;
  assistant_message?: string | null;
}

export interface Chunk {
  type: "chunk";
  turn: string;
  epoch: number;
  seq: number;
  offset: number;
  content: string;
  reasoning?: string | null;
}

export interface Notice {
  type: "notice";
  turn: string;
  code: string;
  detail?: unknown;
}

export interface Fault {
  code: string;
  message: string;
}

export interface UsageCounts {
  prompt_tokens: number;
  completion_tokens: number;
}

export interface Stats {
  ttft_ms: number | null;
  total_ms: number | null;
  tokens: number | null;
  tokens_per_second: number | null;
}

export interface Done {
  type: "done";
  turn: string;
  state: string;
  finish_reason: string | null;
  error?: Fault | null;
  usage: UsageCounts | null;
  cost_nano_usd: number | null;
  quality: string | null;
  stats: Stats | null;
  sha256: string | null;
}

export interface ErrorEvent {
  type: "error";
  id?: string | null;
  turn?: string | null;
  code: string;
  message: string;
  retry_after_seconds?: number | null;
  detail?: Record<string, unknown> | null;
}

export interface ConversationChanged {
  type: "conversation";
  conversation: string;
  change:
    | "message"
    | "title"
    | "pinned"
    | "unpinned"
    | "archived"
    | "unarchived"
    | "deleted"
    | "restored";
  title?: string | null;
  turn?: string | null;
  user_message?: string | null;
  assistant_message?: string | null;
}

export interface Presence {
  type: "presence";
  conversation: string;
  people: Person[];
}

export interface TypingNow {
  type: "typing";
  conversation: string;
  person: Person;
}

export interface Pong {
  type: "pong";
}

export type TurnEvent = Snapshot | Chunk | Notice | Done;
export type Event =
  | Ready
  | Accepted
  | Attached
  | TurnEvent
  | ErrorEvent
  | ConversationChanged
  | Presence
  | TypingNow
  | Pong;
