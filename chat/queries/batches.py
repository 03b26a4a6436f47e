"""Batches as pages and programs see them: how far they are, and what each line took."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils import timezone
from msgspec import Struct

from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from chat.models import Batch, BatchLine, BatchState, LineState
from chat.protocol import Person
from chat.queries.cursors import Cursor

MAX_LIST_ITEMS = 100
MAX_LINES = 500


class LineCounts(Struct, frozen=True):
    """How many lines stand where; the four states together are `total`."""

    total: int
    waiting: int
    running: int
    answered: int
    failed: int


class BatchView(Struct, frozen=True):
    """A batch and how far it is.

    Tokens and cost are of all turns that ended, also of those whose line was tried again.
    `quality` is `estimated` as soon as one of them was; null before the first. `seconds` is how
    long it was running; `lines_per_minute` and `seconds_left` are null until a line has ended, the
    latter also while it does not run.
    """

    id: UUID
    team: UUID
    name: str
    owner: Person
    model: str
    state: str
    # Why it stopped by itself: a code and a sentence; null where a person stopped it.
    stop: dict[str, str] | None
    concurrency: int
    lines: LineCounts
    prompt_tokens: int
    completion_tokens: int
    cost_nano_usd: int
    quality: str | None
    created_at: datetime
    ended_at: datetime | None
    seconds: float
    lines_per_minute: float | None
    seconds_left: float | None


class BatchPage(Struct, frozen=True):
    """Batches, newest first, and the cursor of those after them; null at the end."""

    items: tuple[BatchView, ...]
    next: str | None


class LineError(Struct, frozen=True):
    """Why a line failed, or why its last try did."""

    code: str
    message: str


class LineView(Struct, frozen=True):
    """A line and what it took. Figures are of its last turn, `cost_nano_usd` of all its turns."""

    number: int
    custom_id: str
    state: str
    tries: int
    cost_nano_usd: int
    turn: UUID | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    quality: str | None = None
    finish_reason: str | None = None
    ttft_ms: int | None = None
    total_ms: int | None = None
    error: LineError | None = None
    not_before: datetime | None = None
    ended_at: datetime | None = None


class LinePage(Struct, frozen=True):
    """Lines in their order, and the number after which the next ones come; null at the end."""

    items: tuple[LineView, ...]
    next: int | None


def batch_for(
    principal: Principal, batch_id: UUID, capability: Capability = Capability.READ_CONVERSATION
) -> Batch:
    """Find a batch to do with it what `capability` names: the one way, for every door.

    Raises NotVisible for one that is not there, deleted, or of a team the principal is not in;
    Forbidden where she may not do this.
    """
    found = Batch.objects.select_related("owner").filter(pk=batch_id, deleted_at=None).first()
    if found is None:
        raise NotVisible
    require(principal, capability, found.team_id)
    return found


def batch_list(principal: Principal, before: str | None = None, limit: int = 30) -> BatchPage:
    """List the current team's batches, newest first, at most `limit` (1 to 100) a page.

    Raises NotVisible, Forbidden; CursorInvalid for a `before` that is not the `next` of a page.
    """
    require(principal, Capability.READ_CONVERSATION, principal.team_id)
    limit = max(1, min(limit, MAX_LIST_ITEMS))
    rows = Batch.objects.filter(team_id=principal.team_id, deleted_at=None)
    if before is not None:
        after = Cursor.decode(before)
        # The first condition lets the index seek; the second settles equal moments.
        rows = rows.filter(created_at__lte=after.at).exclude(created_at=after.at, id__lte=after.id)
    found = list(rows.select_related("owner").order_by("-created_at", "id")[: limit + 1])
    page = found[:limit]
    following = Cursor(page[-1].created_at, page[-1].id) if len(found) > limit else None
    return BatchPage(items=views_of_batches(page), next=following and following.encode())


def view_of_batch(batch: Batch) -> BatchView:
    """Return how far a batch is. Counts nothing but its running lines."""
    return views_of_batches([batch])[0]


def views_of_batches(batches: Sequence[Batch]) -> tuple[BatchView, ...]:
    """Return how far batches are, by one question to the database. Their owners are read."""
    at_work = [each.pk for each in batches if each.state != BatchState.FINISHED]
    counts = (
        BatchLine.objects.filter(batch__in=at_work, state=LineState.RUNNING)
        .values_list("batch_id")
        .annotate(running=Count("id"))
    )
    running = dict(counts) if at_work else {}
    now = timezone.now()
    return tuple(_view(each, running.get(each.pk, 0), now) for each in batches)


def _view(batch: Batch, running: int, now: datetime) -> BatchView:
    ended = batch.lines_answered + batch.lines_failed
    since = now - batch.running_since if batch.running_since else timedelta(0)
    seconds = batch.worked_ms / 1000 + max(since.total_seconds(), 0.0)
    # Those that could not be read cost no time, but how many they are is soon of no weight.
    per_minute = ended * 60 / seconds if ended and seconds else None
    left = None
    if per_minute and batch.state == BatchState.RUNNING:
        left = round((batch.lines_total - ended) * 60 / per_minute, 1)
    has_turns = batch.prompt_tokens or batch.completion_tokens or batch.estimated_turns
    return BatchView(
        id=batch.id,
        team=batch.team_id,
        name=batch.name,
        owner=Person(batch.owner.pk, batch.owner.display_name),
        model=batch.model,
        state=batch.state,
        stop=_stop(batch),
        concurrency=batch.concurrency,
        lines=LineCounts(
            total=batch.lines_total,
            waiting=max(batch.lines_total - ended - running, 0),
            running=running,
            answered=batch.lines_answered,
            failed=batch.lines_failed,
        ),
        prompt_tokens=batch.prompt_tokens,
        completion_tokens=batch.completion_tokens,
        cost_nano_usd=batch.cost_nano_usd,
        quality=("estimated" if batch.estimated_turns else "reported") if has_turns else None,
        created_at=batch.created_at,
        ended_at=batch.ended_at,
        seconds=round(seconds, 1),
        lines_per_minute=per_minute and round(per_minute, 1),
        seconds_left=left,
    )


def _stop(batch: Batch) -> dict[str, str] | None:
    if not batch.stop_code:
        return None
    return {"code": batch.stop_code, "message": batch.stop_message}


def line_page(batch: Batch, state: str = "", after: int = 0, limit: int = 100) -> LinePage:
    """Show lines whose number is above `after`, at most `limit` (1 to 500); with `state` those
    alone. Reads no prompts and no answers."""
    limit = max(1, min(limit, MAX_LINES))
    rows: QuerySet[BatchLine, Any] = BatchLine.objects.filter(batch=batch, number__gt=after)
    if state:
        rows = rows.filter(state=state)
    rows = rows.defer("body").select_related("turn")
    found = list(rows.order_by("number")[: limit + 1])
    page = found[:limit]
    following = page[-1].number if len(found) > limit else None
    return LinePage(items=tuple(_line(row) for row in page), next=following)


def _line(row: BatchLine) -> LineView:
    known = LineView(
        number=row.number,
        custom_id=row.custom_id,
        state=row.state,
        tries=row.tries,
        cost_nano_usd=row.cost_nano_usd,
        error=LineError(row.error_code, row.error_message) if row.error_code else None,
        not_before=row.not_before,
        ended_at=row.ended_at,
    )
    turn = row.turn
    if turn is None:
        return known
    ended = turn.ended_at is not None
    return LineView(
        **{name: getattr(known, name) for name in known.__struct_fields__ if name not in _OF_TURN},
        turn=turn.id,
        model=turn.model,
        prompt_tokens=turn.prompt_tokens if ended else None,
        completion_tokens=turn.completion_tokens if ended else None,
        quality=turn.quality or None,
        finish_reason=turn.finish_reason or None,
        ttft_ms=turn.ttft_ms,
        total_ms=turn.total_ms,
    )


_OF_TURN = (
    "turn",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "quality",
    "finish_reason",
    "ttft_ms",
    "total_ms",
)
