"""End a turn: one transaction decides its terminal state, stores the text and settles the cost."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.policy import NotVisible
from billing.models import Quality
from billing.settlement import settle
from chat.models import (
    AlertKind,
    Conversation,
    JournalChunk,
    Message,
    Turn,
    TurnRequest,
    TurnState,
)
from chat.search import fold
from chat.services.alerts import raise_alert
from chat.services.attempts import (
    AttemptEnd,
    ReportedUsage,
    Weighed,
    store_attempts,
    total_of,
    weigh,
)


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How a turn ended, as its runner saw it.

    Its usage is that of its tries together. Times are milliseconds.
    """

    turn_id: UUID
    epoch: int
    model: str
    state: str
    content: str
    reasoning: str
    attempts: tuple[AttemptEnd, ...]
    # What is no text: see `chat.relay.extras`.
    extras: dict[str, Any] | None = None
    finish_reason: str = ""
    error_code: str = ""
    error_message: str = ""
    # The relay's own words, for administrators.
    error_detail: str = ""
    anomaly: str = ""
    # How long the relay wants to be left alone; told, not stored.
    retry_after_seconds: float | None = None
    ttft_ms: int | None = None
    total_ms: int | None = None
    interrupted_by_id: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What is stored of a turn in a terminal state; `by_this_call` is false if it was before."""

    turn_id: UUID
    conversation_id: UUID
    assistant_message_id: UUID
    epoch: int
    state: str
    content: str
    reasoning: str
    finish_reason: str
    error_code: str
    error_message: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_nano_usd: int
    quality: str
    ttft_ms: int | None
    total_ms: int | None
    sha256: str
    by_this_call: bool
    extras: dict[str, Any] | None = None


def end_turn(end: TurnEnd) -> Ended | None:
    """Decide the terminal state by compare-and-set on (running, epoch).

    The loser of a race changes nothing and gets what the winner stored; None means that another
    process owns the turn by a higher epoch and it still runs.
    """
    # Counting is pure work: it is done before the transaction takes the database's write lock.
    weighed = weigh(end.attempts)
    usage, quality = total_of(weighed)
    with transaction.atomic():
        won = Turn.objects.filter(pk=end.turn_id, epoch=end.epoch, state=TurnState.RUNNING).update(
            state=end.state,
            finish_reason=end.finish_reason[:40],
            error_code=end.error_code,
            error_message=end.error_message,
            error_detail=end.error_detail[:1000],
            anomaly=end.anomaly[:200],
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            ttft_ms=end.ttft_ms,
            total_ms=end.total_ms,
            sha256=hashlib.sha256(end.content.encode()).hexdigest(),
            interrupted_by=end.interrupted_by_id,
            ended_at=Now(),
        )
        if won:
            overrun = _store(end, weighed, usage, quality)
    if won:
        _alert(end, overrun=overrun)
    return stored_end(end.turn_id, by_this_call=bool(won))


def stored_end(
    turn_id: UUID, *, conversation_id: UUID | None = None, by_this_call: bool = False
) -> Ended | None:
    """What is stored of a turn, or None while it runs.

    Raises NotVisible if there is no such turn, or not in the conversation that is named.
    """
    turn = Turn.objects.select_related("assistant_message").filter(pk=turn_id).first()
    if turn is None or conversation_id not in (None, turn.conversation_id):
        raise NotVisible
    if turn.state == TurnState.RUNNING:
        return None
    return ended_of(turn, by_this_call=by_this_call)


def ended_of(turn: Turn, *, by_this_call: bool = False) -> Ended:
    """The end of a turn that was read with its answer and does not run."""
    return Ended(
        turn_id=turn.id,
        conversation_id=turn.conversation_id,
        assistant_message_id=turn.assistant_message_id,
        content=turn.assistant_message.content,
        reasoning=turn.assistant_message.reasoning,
        extras=turn.assistant_message.extras,
        by_this_call=by_this_call,
        **{name: getattr(turn, name) for name in _COPIED},
    )


_COPIED = (
    "epoch",
    "state",
    "finish_reason",
    "error_code",
    "error_message",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_nano_usd",
    "quality",
    "ttft_ms",
    "total_ms",
    "sha256",
)


def _store(end: TurnEnd, weighed: list[Weighed], usage: ReportedUsage, quality: Quality) -> bool:
    """Write what belongs to the end; returns whether it cost more than was held."""
    turn = Turn.objects.get(pk=end.turn_id)
    # Locks are taken as an admission takes them: the conversation first, then the budgets. The
    # other way round the two would wait for each other.
    Conversation.objects.filter(pk=turn.conversation_id).update(updated_at=Now())
    Message.objects.filter(pk=turn.assistant_message_id).update(
        content=end.content,
        reasoning=end.reasoning,
        extras=end.extras,
        search_text=fold(end.content),
    )
    route = _answering(end.attempts) or turn.route
    settled = settle(
        subject=turn.subject,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        quality=quality,
        images=usage.images,
        outcome=end.state,
        route=route,
    )
    Turn.objects.filter(pk=turn.pk).update(
        cost_nano_usd=settled.cost_nano_usd,
        quality=settled.quality,
        route=route,
    )
    store_attempts(turn.pk, turn.subject, weighed, settled.cost_nano_usd)
    JournalChunk.objects.filter(turn_id=turn.pk).delete()
    # What a program asked is not kept beyond its answer.
    TurnRequest.objects.filter(turn_id=turn.pk).delete()
    return settled.overrun


def _answering(attempts: tuple[AttemptEnd, ...]) -> str:
    """The relay whose text the answer ends with, or that was tried last; empty if none was."""
    spoke = [each for each in attempts if each.generated or each.outcome == "completed"]
    return (spoke or attempts)[-1].relay if attempts else ""


def _alert(end: TurnEnd, *, overrun: bool) -> None:
    """Tell administrators what they alone can mend."""
    for each in end.attempts:
        if each.error_code == "relay_auth":
            key = f"key {each.key_label}" if each.key_label else "the key"
            detail = f"Status {each.status} for {key}, model {each.model}."
            raise_alert(AlertKind.KEY_REFUSED, relay=each.relay, detail=detail)
    if overrun:
        relay = _answering(end.attempts)
        detail = f"Turn {end.turn_id} cost more than was held for it."
        raise_alert(AlertKind.OVERRUN, relay=relay, model=end.model, detail=detail)
