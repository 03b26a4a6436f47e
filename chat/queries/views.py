"""What the page sees of conversations and messages: plain frozen values, ready for JSON."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from chat.models import Conversation, Message, Turn, TurnState
from chat.protocol import Person, Stats, TurnError, Usage


class ConversationView(Struct, frozen=True):
    """A conversation as the sidebar shows it. `model` is null until something was answered."""

    id: UUID
    team: UUID
    title: str
    updated_at: datetime
    model: str | None
    pinned: bool
    archived: bool


class ConversationPage(Struct, frozen=True):
    """Conversations, and the cursor of those after them; null at the end."""

    items: tuple[ConversationView, ...]
    next: str | None


class TurnView(Struct, frozen=True):
    """The turn that writes or wrote a message. What is only known at its end is null before."""

    id: UUID
    state: str
    epoch: int
    model: str
    hold_nano_usd: int
    finish_reason: str | None = None
    error: TurnError | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    quality: str | None = None
    stats: Stats | None = None
    sha256: str | None = None


class MessageView(Struct, frozen=True):
    """A message on the path. `siblings` are all children of its parent, itself among them."""

    id: UUID
    parent: UUID | None
    role: str
    content: str
    reasoning: str | None
    model: str | None
    author: Person | None
    created_at: datetime
    siblings: tuple[UUID, ...]
    turn: TurnView | None


class MessagePage(Struct, frozen=True):
    """A stretch of one path, oldest first. `leaf` is where the path ends; null while empty."""

    conversation: ConversationView
    items: tuple[MessageView, ...]
    has_more: bool
    leaf: UUID | None


def view_of_conversation(conversation: Conversation) -> ConversationView:
    """Return the plain value of a row."""
    return ConversationView(
        id=conversation.id,
        team=conversation.team_id,
        title=conversation.title,
        updated_at=conversation.updated_at,
        model=conversation.model or None,
        pinned=conversation.pinned_at is not None,
        archived=conversation.archived_at is not None,
    )


def view_of_message(message: Message, siblings: tuple[UUID, ...]) -> MessageView:
    """Return the plain value of a row fetched with its author and turn."""
    author = message.author
    turn = getattr(message, "turn", None)
    return MessageView(
        id=message.id,
        parent=message.parent_id,
        role=message.role,
        content=message.content,
        reasoning=message.reasoning or None,
        model=message.model or None,
        author=None if author is None else Person(author.pk, author.display_name),
        created_at=message.created_at,
        siblings=siblings,
        turn=None if turn is None else view_of_turn(turn),
    )


def view_of_turn(turn: Turn) -> TurnView:
    """Return the plain value of a row."""
    if turn.state == TurnState.RUNNING:
        return TurnView(turn.id, turn.state, turn.epoch, turn.model, turn.hold_nano_usd)
    return TurnView(
        id=turn.id,
        state=turn.state,
        epoch=turn.epoch,
        model=turn.model,
        hold_nano_usd=turn.hold_nano_usd,
        finish_reason=turn.finish_reason or None,
        error=TurnError(turn.error_code, turn.error_message) if turn.error_code else None,
        usage=Usage(
            prompt_tokens=turn.prompt_tokens,
            completion_tokens=turn.completion_tokens,
            total_tokens=turn.prompt_tokens + turn.completion_tokens,
            cached_tokens=turn.cached_tokens,
            reasoning_tokens=turn.reasoning_tokens,
        ),
        cost_nano_usd=turn.cost_nano_usd,
        quality=turn.quality or None,
        stats=stats_of(turn.ttft_ms, turn.total_ms, turn.completion_tokens),
        sha256=turn.sha256 or None,
    )


MEASURABLE_MS = 50
"""A speed measured over less says nothing."""


def stats_of(ttft_ms: int | None, total_ms: int | None, tokens: int) -> Stats:
    """Return the figures of an answer; the rate counts from the first token to the end."""
    streamed_ms = (total_ms or 0) - (ttft_ms or 0)
    measurable = ttft_ms is not None and streamed_ms >= MEASURABLE_MS
    rate = round(tokens * 1000 / streamed_ms, 1) if measurable else None
    return Stats(ttft_ms=ttft_ms, total_ms=total_ms, tokens=tokens, tokens_per_second=rate)
