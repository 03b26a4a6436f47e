"""One stored turn of a run, and the values that the services make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from chat.protocol import Chunk
from chat.services.ending import Ended
from chat.services.intents import Admitted, PromptMessage


@dataclass(slots=True)
class TurnRow:
    """One turn with its answer."""

    id: UUID
    conversation: UUID
    team: UUID
    requester: int
    client_id: UUID
    user_message: UUID
    assistant_message: UUID
    node: str
    epoch: int = 1
    state: str = "running"
    content: str = ""
    reasoning: str = ""
    error_code: str = ""
    error_message: str = ""
    finish_reason: str = ""
    sha256: str = ""
    stop_asked: bool = False
    stopped_by: int | None = None
    # How often a compare-and-set ended it, and by which process it is run or settled.
    settled: int = 0
    ended_at: float | None = None
    # Its text grew after its end was told.
    completed_late: bool = False
    chunks: dict[tuple[int, int], Chunk] = field(default_factory=dict)


def short(id: UUID) -> str:
    """An id as a trace shows it."""
    return id.hex[:6]


def admitted_of(row: TurnRow, *, created: bool) -> Admitted:
    return Admitted(
        turn_id=row.id,
        conversation_id=row.conversation,
        team_id=row.team,
        user_message_id=row.user_message,
        assistant_message_id=row.assistant_message,
        epoch=row.epoch,
        model="simulated",
        hold_nano_usd=10**9,
        state=row.state,
        requester_id=row.requester,
        created=created,
        max_tokens=100_000,
        prompt=(PromptMessage("user", "Hello"),),
    )


def ended_of(row: TurnRow, *, by_this_call: bool = False) -> Ended:
    return Ended(
        turn_id=row.id,
        conversation_id=row.conversation,
        assistant_message_id=row.assistant_message,
        epoch=row.epoch,
        state=row.state,
        content=row.content,
        reasoning=row.reasoning,
        finish_reason=row.finish_reason,
        error_code=row.error_code,
        error_message=row.error_message,
        prompt_tokens=1,
        completion_tokens=1,
        cached_tokens=None,
        reasoning_tokens=None,
        cost_nano_usd=1,
        quality="estimated",
        ttft_ms=1,
        total_ms=1,
        sha256=row.sha256,
        by_this_call=by_this_call,
    )
