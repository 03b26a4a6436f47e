"""How lines of a batch end: answered, failed, or to be tried again; and the batch with the last."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from billing.models import Quality
from chat.models import Batch, BatchLine, BatchState, LineState, Turn, TurnState
from chat.services.batch_changes import halt, lock_batch, time_worked
from chat.services.batch_taking import pause_after

TRANSIENT = frozenset(
    {
        "internal_error",
        "relay_error",
        "relay_protocol",
        "relay_rate_limited",
        "relay_stream_broken",
        "relay_timeout",
        "relay_truncated",
        "relay_unavailable",
        "storage_unavailable",
    }
)
"""Failures after which another try may succeed."""
AWAY = frozenset({"relay_rate_limited", "relay_unavailable", "storage_unavailable"})
"""Those among them of which no line is to blame."""
MOST_TRIES = 1_000
"""A line that was cut so often by restarts fails: perhaps it is what ends the process."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A turn's end that was taken. Neither holds for a turn that was stopped."""

    answered: bool = False
    # In a way that may pass.
    relay_failed: bool = False


@transaction.atomic
def end_line(line_id: int, turn_id: UUID, *, relay_fails: bool = False) -> Taken | None:
    """Take the end of a line's turn: the line is answered, has failed, or waits for another try.

    None while the turn runs. A second time, or by another process, nothing is counted again. While
    the relay fails one line after the other, as `relay_fails` says, no line is to blame for it.
    """
    batch_id = BatchLine.objects.filter(pk=line_id).values_list("batch_id", flat=True).first()
    if batch_id is None:
        return Taken()
    lock_batch(batch_id)
    line = BatchLine.objects.filter(pk=line_id, state=LineState.RUNNING, turn_id=turn_id)
    row = line.defer("body").first()
    turn = Turn.objects.filter(pk=turn_id).first()
    if row is None:
        return Taken()
    if turn is not None and turn.state == TurnState.RUNNING:
        return None
    if turn is None:
        # Somebody pruned it: there is no answer to give.
        line.update(state=LineState.WAITING, turn=None)
        return Taken()
    _count_turn(batch_id, turn)
    after = _after(row, turn, relay_fails)
    line.update(cost_nano_usd=F("cost_nano_usd") + turn.cost_nano_usd, **after)
    _count_line(batch_id, line_id)
    return Taken(
        answered=after["state"] == LineState.ANSWERED,
        relay_failed=turn.state == TurnState.FAILED and turn.error_code in TRANSIENT,
    )


def _after(row: BatchLine, turn: Turn, relay_fails: bool) -> dict[str, Any]:
    """The columns of a line whose turn has ended so."""
    if turn.state in (TurnState.COMPLETED, TurnState.BUDGET_STOPPED):
        return {
            "state": LineState.ANSWERED,
            "ended_at": Now(),
            "error_code": "",
            "error_message": "",
        }
    told: dict[str, Any] = {"error_code": turn.error_code, "error_message": turn.error_message}
    if turn.state != TurnState.FAILED:
        # Stopped by somebody, by a restart, or by the death of its process.
        if row.tries < MOST_TRIES:
            return {"state": LineState.WAITING} | told
        return {"state": LineState.FAILED, "ended_at": Now()} | told
    blameless = relay_fails and turn.error_code in AWAY and row.tries < MOST_TRIES
    failures = row.failures if blameless else row.failures + 1
    told["failures"] = failures
    if turn.error_code in TRANSIENT and failures < settings.BATCHES.line_tries:
        pause = pause_after(max(failures, 1), settings.BATCHES.retry_seconds)
        return {"state": LineState.WAITING, "not_before": Now() + pause} | told
    return {"state": LineState.FAILED, "ended_at": Now()} | told


def _count_turn(batch_id: UUID, turn: Turn) -> None:
    Batch.objects.filter(pk=batch_id).update(
        prompt_tokens=F("prompt_tokens") + turn.prompt_tokens,
        completion_tokens=F("completion_tokens") + turn.completion_tokens,
        cost_nano_usd=F("cost_nano_usd") + turn.cost_nano_usd,
        estimated_turns=F("estimated_turns") + int(turn.quality == Quality.ESTIMATED),
    )


def _count_line(batch_id: UUID, line_id: int) -> None:
    """Count a line that has ended, and the batch with the last one."""
    state = BatchLine.objects.filter(pk=line_id).values_list("state", flat=True).get()
    columns = {LineState.ANSWERED.value: "lines_answered", LineState.FAILED.value: "lines_failed"}
    if (column := columns.get(state)) is not None:
        Batch.objects.filter(pk=batch_id).update(**{column: F(column) + 1})
    Batch.objects.filter(
        pk=batch_id,
        deleted_at=None,
        lines_total__lte=F("lines_answered") + F("lines_failed"),
    ).exclude(state=BatchState.FINISHED).update(
        state=BatchState.FINISHED,
        stop_code="",
        stop_message="",
        ended_at=Now(),
        **time_worked(batch_id),
    )


@transaction.atomic
def fail_line(batch_id: UUID, line_id: int, code: str, message: str) -> None:
    """A waiting line cannot be asked: it fails, the others go on."""
    lock_batch(batch_id)
    # The sender's own words may stand in it, and PostgreSQL stores no NUL.
    failed = BatchLine.objects.filter(pk=line_id, state=LineState.WAITING).update(
        state=LineState.FAILED,
        error_code=code[:40],
        error_message=message.replace("\x00", ""),
        ended_at=Now(),
    )
    if failed:
        _count_line(batch_id, line_id)


@transaction.atomic
def halt_batch(batch_id: UUID, node: str, code: str, message: str) -> None:
    """Stop a batch that cannot go on by itself, and say why. What runs goes on to its end."""
    lock_batch(batch_id)
    batch = Batch.objects.filter(pk=batch_id, node=node).first()
    if batch is not None:
        halt(batch, code, message)
