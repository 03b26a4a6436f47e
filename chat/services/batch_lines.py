"""The lines of a running batch: one is admitted, its turn ends, it is answered or tried again.

Whatever is decided about a line is decided while its batch is locked, so two processes that both
think the batch theirs cannot ask for a line twice, nor count its end twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.policy import PolicyRefusal, Principal
from accounts.services.principals import principal_for_key_id, principal_for_user
from billing.models import Quality
from chat.models import Batch, BatchLine, BatchState, LineState, Turn, TurnState
from chat.services.batch_changes import halt, lock_batch, time_worked
from chat.services.batch_taking import pause_after, turn_key
from chat.services.completions import start_completion
from chat.services.errors import BudgetTooSmall, Forbidden, Refused
from chat.services.intents import Admitted, Completion, Models
from chat.services.interruption import turns_to_stop
from chat.services.leases import database_now

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
MOST_TRIES = 1_000
"""A line that was cut so often by restarts fails: perhaps it is what ends the process."""
PERSON_GONE = "The person who made this batch may not ask in this team any more."


class LineGone(Exception):
    """The line does not wait any more, or its batch is not this process's to work on."""


@dataclass(frozen=True, slots=True)
class NextLine:
    """A line that may be asked now; `body` is the request as JSON."""

    line_id: int
    number: int
    body: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to do for a batch. `running` are its lines under way with their turns;
    `stop` those turns that must stop, with who asked for it; `wait_seconds` is until when no line
    may be asked, None if none waits."""

    running_lines: Mapping[int, UUID]
    concurrency: int
    is_running: bool
    is_deleted: bool
    next: NextLine | None = None
    wait_seconds: float | None = None
    stop: Mapping[UUID, int | None] = field(default_factory=dict)


def standing_of(batch_id: UUID, node: str) -> Standing | None:
    """What `node` has to do for a batch; None if it is not (any more) its own."""
    batch = Batch.objects.filter(pk=batch_id, node=node).first()
    if batch is None:
        return None
    running = dict(
        BatchLine.objects.filter(batch=batch, state=LineState.RUNNING).values_list("id", "turn_id")
    )
    is_running = batch.state == BatchState.RUNNING
    known = Standing(
        running, batch.concurrency, is_running, is_deleted=batch.deleted_at is not None
    )
    if not is_running:
        return replace(known, stop=turns_to_stop(tuple(running.values())) if running else {})
    if len(running) >= batch.concurrency:
        return known
    waiting = BatchLine.objects.filter(batch=batch, state=LineState.WAITING)
    due = waiting.filter(Q(not_before=None) | Q(not_before__lte=Now())).order_by("number")
    first = due.values_list("id", "number", "body").first()
    if first is not None:
        return replace(known, next=NextLine(*first))
    later = waiting.order_by("not_before").values_list("not_before", database_now()).first()
    if later is None:
        return known
    return replace(known, wait_seconds=_seconds_between(later[1], later[0]))


def _seconds_between(now: datetime, then: datetime | None) -> float:
    return 0.0 if then is None else max((then - now).total_seconds(), 0.0)


def admit_line(
    batch_id: UUID, line_id: int, completion: Completion, *, models: Models, node: str
) -> Admitted:
    """Store the turn of a waiting line, in the name and with the rights of its person of now.

    `completion` is the line's request; its `client_id` is set here. Raises LineGone, and as
    `start_completion`; BudgetTooSmall also where the budget would cut the answer short.
    """
    with transaction.atomic():
        lock_batch(batch_id)
        batch = Batch.objects.select_related("owner").filter(
            pk=batch_id, state=BatchState.RUNNING, node=node, deleted_at=None
        )
        line = BatchLine.objects.filter(pk=line_id, batch__in=batch, state=LineState.WAITING)
        found = line.select_related("batch__owner").defer("body").first()
        if found is None:
            raise LineGone
        key = turn_key(batch_id, found.number, found.tries + 1)
        try:
            with transaction.atomic():
                admitted = start_completion(
                    _principal_of(found.batch),
                    replace(completion, client_id=key),
                    models=models,
                    node=node,
                )
                _check_whole(completion, admitted, models, found.number)
        except (Refused, PolicyRefusal) as error:
            # What was noted of the refusal stays, so it is raised after the commit.
            refusal = error
        else:
            line.update(
                state=LineState.RUNNING,
                tries=F("tries") + 1,
                turn=admitted.turn_id,
                not_before=None,
            )
            return admitted
    raise refusal


def _principal_of(batch: Batch) -> Principal:
    if batch.api_key_id is not None:
        principal = principal_for_key_id(batch.api_key_id)
        if principal is None:
            raise KeyGone
        return principal
    principal = principal_for_user(batch.owner, batch.team_id)
    if not batch.owner.is_active or batch.team_id not in principal.roles:
        raise Forbidden(PERSON_GONE)
    return principal


class KeyGone(Forbidden):
    """The API key that made this batch is not valid any more. Resume the batch to go on."""


def _check_whole(completion: Completion, admitted: Admitted, models: Models, number: int) -> None:
    wanted = completion.max_tokens or settings.TURNS.default_max_tokens
    wanted = min(wanted, models.context_tokens.get(admitted.model) or wanted)
    if admitted.created and admitted.max_tokens < wanted:
        raise BudgetTooSmall(
            f"The budget does not cover an answer of {wanted} tokens, the most that line {number} "
            "may get. Add credit or lower `max_tokens`, then resume the batch."
        )


@transaction.atomic
def end_line(line_id: int, turn_id: UUID) -> bool:
    """Take the end of a line's turn: the line is answered, has failed, or waits for another try.

    False while the turn runs. A second time, or by another process, nothing is counted again.
    """
    batch_id = BatchLine.objects.filter(pk=line_id).values_list("batch_id", flat=True).first()
    if batch_id is None:
        return True
    lock_batch(batch_id)
    line = BatchLine.objects.filter(pk=line_id, state=LineState.RUNNING, turn_id=turn_id)
    row = line.defer("body").first()
    turn = Turn.objects.filter(pk=turn_id).first()
    if row is None:
        return True
    if turn is not None and turn.state == TurnState.RUNNING:
        return False
    if turn is None:
        # Somebody pruned it: there is no answer to give.
        line.update(state=LineState.WAITING, turn=None)
        return True
    _count_turn(batch_id, turn)
    line.update(cost_nano_usd=F("cost_nano_usd") + turn.cost_nano_usd, **_after(row, turn))
    _count_line(batch_id, line_id)
    return True


def _after(row: BatchLine, turn: Turn) -> dict[str, Any]:
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
    failures = row.failures + 1
    told["failures"] = failures
    if turn.error_code in TRANSIENT and failures < settings.BATCHES.line_tries:
        pause = pause_after(failures, settings.BATCHES.retry_seconds)
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
    failed = BatchLine.objects.filter(pk=line_id, state=LineState.WAITING).update(
        state=LineState.FAILED, error_code=code[:40], error_message=message, ended_at=Now()
    )
    if failed:
        _count_line(batch_id, line_id)


def hold_line(line_id: int, seconds: float) -> None:
    """Leave a waiting line alone for a while."""
    until = Now() + timedelta(seconds=seconds)
    BatchLine.objects.filter(pk=line_id, state=LineState.WAITING).update(not_before=until)


@transaction.atomic
def halt_batch(batch_id: UUID, node: str, code: str, message: str) -> None:
    """Stop a batch that cannot go on by itself, and say why. What runs goes on to its end."""
    lock_batch(batch_id)
    batch = Batch.objects.filter(pk=batch_id, node=node).first()
    if batch is not None:
        halt(batch, code, message)
