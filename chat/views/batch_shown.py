"""Batches and their lines as pages show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from billing.formatting import shown_count
from billing.models import Quality
from chat.models import BatchState, LineState
from chat.queries.batch_texts import LineTexts
from chat.queries.batches import BatchView, LineView
from chat.views.batch_words import error_words, stop_words

BAR_WIDTH = 1000
A_MINUTE_SECONDS = 60
AN_HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the bar, in thousandths of it, and its lines."""

    state: str
    name: str
    lines: int
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class ShownBatch:
    """A batch with its figures in words. `goes_on`: something may still change by itself."""

    id: UUID
    name: str
    owner: str
    model: str
    state: str
    created_at: datetime
    concurrency: int
    total: int
    done: int
    failed: int
    goes_on: bool
    stop_message: str
    prompt_tokens: int
    completion_tokens: int
    cost_nano_usd: int
    evidence: str
    elapsed: str
    remaining: str
    lines_per_minute: float | None
    bar: list[Part]


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line: what it says, what it took, and what went wrong."""

    number: int
    custom_id: str
    state: str
    state_name: str
    prompt: str
    answer: str
    has_figures: bool
    has_ended: bool
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_nano_usd: int
    evidence: str
    ttft_ms: int | None
    total_ms: int | None
    error_message: str
    note: str


def shown_batch(view: BatchView) -> ShownBatch:
    """Put a batch into words."""
    lines = view.lines
    stop = view.stop
    return ShownBatch(
        id=view.id,
        name=view.name,
        owner=view.owner.name,
        model=view.model,
        state=view.state,
        created_at=view.created_at,
        concurrency=view.concurrency,
        total=lines.total,
        done=lines.answered + lines.failed,
        failed=lines.failed,
        goes_on=view.state == BatchState.RUNNING or lines.running > 0,
        stop_message=stop_words(stop["code"], stop["message"]) if stop else "",
        prompt_tokens=view.prompt_tokens,
        completion_tokens=view.completion_tokens,
        cost_nano_usd=view.cost_nano_usd,
        evidence=evidence(view.quality),
        elapsed=duration(view.seconds),
        remaining="" if view.seconds_left is None else duration(view.seconds_left),
        lines_per_minute=view.lines_per_minute,
        bar=_bar(view),
    )


def shown_line(line: LineView, texts: LineTexts) -> ShownLine:
    """Put a line into words."""
    return ShownLine(
        number=line.number,
        custom_id=line.custom_id,
        state=line.state,
        state_name=str(LineState(line.state).label),
        prompt=texts.prompt,
        answer=texts.answer,
        has_figures=line.prompt_tokens is not None or line.cost_nano_usd != 0,
        has_ended=line.ended_at is not None,
        prompt_tokens=line.prompt_tokens,
        completion_tokens=line.completion_tokens,
        cost_nano_usd=line.cost_nano_usd,
        evidence=evidence(line.quality),
        ttft_ms=line.ttft_ms,
        total_ms=line.total_ms,
        error_message=_error(line),
        note=_("Cut where the longest answer ends.") if line.finish_reason == "length" else "",
    )


def _error(line: LineView) -> str:
    if line.error is None:
        return ""
    if line.state in (LineState.WAITING, LineState.RUNNING):
        return _("One try failed. The line is tried again by itself.")
    # Which line it is stands before it.
    return error_words(line.error.code, line.error.message.removeprefix(f"Line {line.number}: "))


def states_of(batch: ShownBatch) -> list[dict[str, Any]]:
    """The choices of lines to see: all, or those of one state."""
    every = {"state": "", "name": _("All"), "lines": batch.total}
    return [
        every,
        *({"state": part.state, "name": part.name, "lines": part.lines} for part in batch.bar),
    ]


def evidence(quality: str | None) -> str:
    """How sure a cost is, in a word; nothing where there is none."""
    words = {
        Quality.REPORTED.value: _("reported"),
        Quality.ESTIMATED.value: _("estimated"),
        Quality.RECONCILED.value: _("reconciled"),
    }
    return words.get(quality or "", "")


def duration(seconds: float) -> str:
    """A time to be read in passing: in seconds, from a minute on with minutes, then hours."""
    whole = round(seconds)
    if whole < A_MINUTE_SECONDS:
        return _("%(seconds)s s") % {"seconds": shown_count(whole)}
    if whole < AN_HOUR_SECONDS:
        minutes, rest = divmod(whole, A_MINUTE_SECONDS)
        return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}
    hours, rest = divmod(whole, AN_HOUR_SECONDS)
    minutes = rest // A_MINUTE_SECONDS
    return _("%(hours)s h %(minutes)s min") % {"hours": shown_count(hours), "minutes": minutes}


def _bar(view: BatchView) -> list[Part]:
    lines, parts, before = view.lines, [], 0
    for state in (LineState.ANSWERED, LineState.FAILED, LineState.RUNNING, LineState.WAITING):
        count = getattr(lines, state.value)
        begins, before = _thousandths(before, lines.total), before + count
        width = _thousandths(before, lines.total) - begins
        parts.append(Part(state.value, str(state.label), count, begins, width))
    return parts


def _thousandths(count: int, total: int) -> int:
    return min(BAR_WIDTH, BAR_WIDTH * count // total) if total else 0
