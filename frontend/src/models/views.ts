/** What the JSON doors under /api/ and the page's own start data look like. */

import type { Fault, Stats, Usage } from "./protocol";

export interface Boot {
  user: { id: number; username: string; name: string; is_staff?: boolean };
  /** Null for a person who is in no team. */
  team: { id: string; name: string; role: string } | null;
  teams?: { id: string; name: string; role?: string }[];
  language: string;
  conversation: string | null;
  limits: { message_characters?: number; max_message_characters?: number };
}

export interface ConversationView {
  id: string;
  team: string;
  title: string;
  updated_at: string;
  model: string | null;
  pinned: boolean;
  archived: boolean;
}

export interface ConversationPage {
  items: ConversationView[];
  next: string | null;
}

export interface TurnView {
  id: string;
  state: string;
  epoch: number;
  model: string;
  finish_reason: string | null;
  error: Fault | null;
  usage: Usage | null;
  cost_nano_usd: number | null;
  quality: string | null;
  stats: Stats | null;
  sha256: string | null;
  hold_nano_usd: number | null;
}

export interface MessageView {
  id: string;
  parent: string | null;
  role: "user" | "assistant" | "system";
  content: string;
  reasoning: string | null;
  model: string | null;
  author: { id: number; name: string } | null;
  created_at: string;
  siblings: string[];
  turn: TurnView | null;
}

export interface MessagePage {
  conversation: ConversationView;
  items: MessageView[];
  has_more: boolean;
  leaf: string | null;
}

export interface PriceView {
  input_nano_usd_per_million: number;
  output_nano_usd_per_million: number;
  official_input_nano_usd_per_million?: number | null;
  official_output_nano_usd_per_million?: number | null;
  cached_input_nano_usd_per_million?: number | null;
  reasoning_nano_usd_per_million?: number | null;
  image_nano_usd?: number | null;
}

export interface ModelView {
  id: string;
  name: string;
  available: boolean;
  reason: string | null;
  price: PriceView | null;
  saving_percent: number | null;
  scripted: boolean;
  /** Shown only where it is in use. */
  hidden: boolean;
  /** What it can do; null where nobody says. */
  context_tokens: number | null;
  vision: boolean | null;
  reasoning: boolean | null;
}

export interface ModelList {
  default: string;
  items: ModelView[];
}

export interface BudgetView {
  granted_nano_usd: number;
  spent_nano_usd: number;
  held_nano_usd: number;
  remaining_nano_usd: number;
  soft_limit_percent: number;
  raisers: string[];
}

/** What a message may cost; amounts are whole nano-USD as text. */
export interface EstimateView {
  model: string;
  prompt_tokens: number;
  /** Counted as the model counts. */
  exact: boolean;
  /** Older messages do not fit and are left out. */
  is_cut: boolean;
  /** What is left does not fit either. */
  is_too_long: boolean;
  /** It would wait for answers, which become part of its prompt. */
  waits: boolean;
  prompt_nano_usd: string;
  answer: {
    low_tokens: number;
    typical_tokens: number;
    high_tokens: number;
    whose: "team" | "everyone" | "nobody";
    turns: number;
  };
  low_nano_usd: string;
  high_nano_usd: string;
  worst_nano_usd: string;
  left_nano_usd: string;
  /** The name of the budget that leaves least. */
  left_of: string;
  verdict: "fits" | "shortened" | "refused";
  max_tokens: number;
  cheaper: { model: string; name: string; high_nano_usd: string } | null;
}
