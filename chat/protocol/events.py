"""What the server tells a client over the socket."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from chat.protocol.values import (
    ErrorCode,
    Limits,
    Person,
    Quality,
    Stats,
    TeamView,
    TurnError,
    TurnState,
    Usage,
)


class Event(Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Any frame to a client."""


class Ready(Event, tag="ready", frozen=True):
    """The connection is signed in and may be used."""

    protocol: str
    user: Person
    team: TeamView | None
    connection: str
    limits: Limits
    heartbeat_seconds: float


class Accepted(Event, tag="accepted", frozen=True):
    """A turn was stored, its worst cost is held, and it runs."""

    id: UUID
    conversation: UUID
    user_message: UUID | None
    assistant_message: UUID
    turn: UUID
    epoch: int
    model: str
    hold_nano_usd: int


class Queued(Event, tag="queued", frozen=True):
    """A message waits for the answer before it; `accepted` follows. `position` counts from 1."""

    id: UUID
    conversation: UUID
    position: int


class Refusal(Struct, frozen=True, omit_defaults=True):
    """Why a waiting message was not sent when it was its turn: as an `error` says it."""

    code: ErrorCode
    message: str
    detail: dict[str, Any] | None = None


class WaitingMessage(Struct, frozen=True, omit_defaults=True):
    """One message in line: `id` is its sender's, who withdraws it when it is `refused`."""

    id: UUID
    person: Person
    content: str
    created_at: datetime
    refused: Refusal | None = None


class Queue(Event, tag="queue", frozen=True):
    """All messages that wait in a watched conversation, the next one first."""

    conversation: UUID
    waiting: tuple[WaitingMessage, ...]


class Attached(Event, tag="attached", frozen=True):
    """The conversation is watched now; its running turns follow as snapshots or chunks."""

    conversation: UUID
    turns: tuple[UUID, ...]


class Snapshot(Event, tag="snapshot", frozen=True):
    """All the text of a turn so far; replaces what the client holds."""

    turn: UUID
    epoch: int
    seq: int
    content: str
    state: TurnState
    reasoning: str = ""
    conversation: UUID | None = None
    assistant_message: UUID | None = None
    extras: dict[str, Any] | None = None


class Chunk(Event, tag="chunk", frozen=True):
    """Numbered piece of an answer. `offset` counts UTF-16 code units of content before it;
    `extras` is what is no text: `tool_calls`, `function_call`, `refusal`, `logprobs`."""

    turn: UUID
    epoch: int
    seq: int
    offset: int
    content: str
    reasoning: str = ""
    extras: dict[str, Any] | None = None


class Notice(Event, tag="notice", frozen=True):
    """Something worth knowing about a running turn. Of one that waits for the relay's key either
    `position` in line (from 1) or the seconds to wait are told."""

    turn: UUID
    code: Literal["retrying", "fallback", "waiting", "resumed"]
    detail: str
    position: int | None = None
    delay_seconds: float | None = None


class Done(Event, tag="done", frozen=True):
    """A turn ended, with what it cost and on what evidence. `sha256` is of the UTF-8 text."""

    turn: UUID
    state: TurnState
    finish_reason: str | None
    usage: Usage
    cost_nano_usd: int
    quality: Quality
    stats: Stats
    sha256: str
    error: TurnError | None = None


class Error(Event, tag="error", frozen=True):
    """A command was refused; `id` or `turn` says which."""

    code: ErrorCode
    message: str
    id: UUID | None = None
    turn: UUID | None = None
    retry_after_seconds: float | None = None
    detail: dict[str, Any] | None = None


class ConversationChanged(Event, tag="conversation", frozen=True):
    """Something changed in a watched conversation or in the team's list of them."""

    conversation: UUID
    change: Literal[
        "message", "title", "pinned", "unpinned", "archived", "unarchived", "deleted", "restored"
    ]
    title: str | None = None
    turn: UUID | None = None
    user_message: UUID | None = None
    assistant_message: UUID | None = None


class Presence(Event, tag="presence", frozen=True):
    """Who watches a conversation now."""

    conversation: UUID
    people: tuple[Person, ...]


class RoleChanged(Event, tag="role", frozen=True):
    """The person has another role in a team from now on; null: none."""

    team: UUID
    role: str | None


class TypingNow(Event, tag="typing", frozen=True):
    """Somebody writes in a watched conversation."""

    conversation: UUID
    person: Person


class Pong(Event, tag="pong", frozen=True):
    """The answer to `ping`."""
