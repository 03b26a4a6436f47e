"""The lines of a running batch: which is to be asked next, and its admission.

Whatever is decided about a line is decided while its batch is locked, so two processes that both
think the batch theirs cannot ask for a line twice, nor count its end twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.policy import PolicyRefusal, Principal
from accounts.services.principals import principal_for_key_id, principal_for_user
from chat.models import Batch, BatchLine, BatchState, LineState
from chat.services.batch_changes import lock_batch
from chat.services.batch_taking import turn_key
from chat.services.completions import start_completion
from chat.services.errors import BudgetTooSmall, Forbidden, Refused
from chat.services.intents import Admitted, Completion, Models
from chat.services.interruption import turns_to_stop
from chat.services.leases import database_now

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


def hold_line(line_id: int, seconds: float) -> None:
    """Leave a waiting line alone for a while."""
    until = Now() + timedelta(seconds=seconds)
    BatchLine.objects.filter(pk=line_id, state=LineState.WAITING).update(not_before=until)
