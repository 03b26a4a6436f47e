"""What events are made of: people, limits, usage, and why something went wrong."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

ErrorCode = Literal[
    "bad_frame",
    "not_found",
    "forbidden",
    "idempotency_mismatch",
    "budget_exhausted",
    "rate_limited",
    "too_many_turns",
    "model_unknown",
    "model_not_allowed",
    "relay_auth",
    "relay_rate_limited",
    "relay_unavailable",
    "relay_timeout",
    "relay_stream_broken",
    "relay_truncated",
    "relay_error",
    "relay_protocol",
    "storage_unavailable",
    "restarting",
    "internal_error",
]
TurnState = Literal["running", "completed", "interrupted", "failed", "budget_stopped", "orphaned"]
Quality = Literal["reported", "estimated", "reconciled"]


class Person(Struct, frozen=True):
    """A person as others see them."""

    id: int
    name: str


class TeamView(Struct, frozen=True):
    """The team this connection acts in, and the person's role there."""

    id: UUID
    name: str
    role: str


class Limits(Struct, frozen=True):
    """The server's limits a client should know before it hits them."""

    max_message_characters: int
    max_frame_bytes: int
    ack_window_bytes: int
    ack_interval_ms: int
    ack_interval_bytes: int


class Usage(Struct, frozen=True, omit_defaults=True):
    """Token counts of a turn."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Stats(Struct, frozen=True):
    """How fast a turn was; null where nothing arrived to measure."""

    ttft_ms: int | None
    total_ms: int | None
    tokens: int
    tokens_per_second: float | None


class TurnError(Struct, frozen=True, omit_defaults=True):
    """Why a turn failed: a code and a sentence; at the end also when the relay said to retry."""

    code: str
    message: str
    retry_at: datetime | None = None
