"""The answers of a batch, read a few at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chat.models import BatchLine, LineState
from chat.services.ending import Ended, ended_of

RESULTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Result:
    """A line that has ended: with the turn that answered it, or why it failed.

    `body` is its request as JSON, or what could be kept of a line that cannot be read; `begun_at`
    and `model` are those of its last turn, `cost_nano_usd` is of all its turns.
    """

    number: int
    custom_id: str
    body: str
    tries: int
    cost_nano_usd: int
    answered: bool
    error_code: str
    error_message: str
    model: str = ""
    begun_at: datetime | None = None
    ended: Ended | None = None

    @property
    def name(self) -> str:
        """What the sender calls it, else its place."""
        return self.custom_id or f"line-{self.number}"


def results_after(batch_id: UUID, after: int = 0, limit: int = RESULTS_AT_ONCE) -> Sequence[Result]:
    """The next ended lines whose number is above `after`, in their order; empty at the end."""
    rows = BatchLine.objects.filter(
        batch_id=batch_id, number__gt=after, state__in=(LineState.ANSWERED, LineState.FAILED)
    )
    rows = rows.select_related("turn__assistant_message").order_by("number")
    return [_result(row) for row in rows[:limit]]


def _result(row: BatchLine) -> Result:
    turn = row.turn
    over = turn is not None and turn.ended_at is not None
    return Result(
        number=row.number,
        custom_id=row.custom_id,
        body=row.body,
        tries=row.tries,
        cost_nano_usd=row.cost_nano_usd,
        answered=row.state == LineState.ANSWERED,
        error_code=row.error_code,
        error_message=row.error_message,
        model=turn.model if turn else "",
        begun_at=turn.created_at if turn else None,
        ended=ended_of(turn) if turn is not None and over else None,
    )
