"""Reconciling a relay's bill: the tries of turns beside it, and turns told what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from billing.models import Quality, ReconciliationRun, RunState, Settlement
from billing.prices import price_list
from billing.reconciliation_bills import Bill, read_bill
from billing.reconciliation_ours import Ours, ours_at
from billing.reconciliation_runs import (
    WINDOW_SECONDS,
    Asked,
    Outcome,
    check_period,
    compare_totals,
    reconcile,
)
from chat.models import AlertKind, Attempt, Turn
from chat.queries.reconcilable import tries_between
from chat.services.alerts import raise_alert
from chat.services.batch_corrections import correct_turn

AT_ONCE = 400


def read_bill_of(relay: str, content: bytes, name: str) -> Bill:
    """Read a bill of a relay, on which only models stand that were asked of it, or have a price.

    Raises BillRefused with the lines that make no sense.
    """
    asked = Attempt.objects.filter(relay=relay).order_by().values_list("model", flat=True)
    return read_bill(content, name=name, models={*asked.distinct(), *price_list()})


def reconcile_relay(asked: Asked) -> Outcome:
    """Hold a bill against the turns, and correct unless it is a dry run; see `billing`.

    The turns then show what they cost after all. Raises PeriodInvalid, BillIncomplete.
    """
    check_period(asked.since, asked.until)
    ours = _ours(asked.relay, asked.since, asked.until)
    outcome = reconcile(asked, ours)
    if not asked.dry_run:
        _tell_turns(ours, outcome)
    if outcome.overruns:
        detail = f"By its bill, {len(outcome.overruns)} turns cost more than was held for them."
        raise_alert(AlertKind.OVERRUN, relay=asked.relay, detail=detail)
    return outcome


def reconcile_totals(
    relay: str, since: datetime, until: datetime, told: Mapping[str, int | str]
) -> ReconciliationRun:
    """Keep what the relay says was used since ever, less what it said in the run before, beside
    what we have of the time between. The first run begins at `since`. Corrects nothing.

    `told` is what the relay says: `total_usage` in tokens, and what else is to be kept.
    """
    before = (
        ReconciliationRun.objects.filter(relay=relay, state=RunState.TOTALS, until__lt=until)
        .order_by("-until", "-id")
        .first()
    )
    total = used = int(told["total_usage"])
    if before is not None:
        since, used = before.until, total - int(before.causes["total_usage"])
        if used < 0:
            # It has begun to count anew, as the demo relay does with each start.
            used = total
    check_period(since, until)
    run = compare_totals(relay, since, until, _ours(relay, since, until), total_tokens=used)
    run.causes = dict(told)
    run.save(update_fields=["causes"])
    return run


def _ours(relay: str, since: datetime, until: datetime) -> Ours:
    # Across the edges, as the bill may: see `billing.reconciliation.compare`.
    margin = timedelta(seconds=WINDOW_SECONDS)
    return ours_at(relay, tries_between(relay, since - margin, until + margin))


def _tell_turns(ours: Ours, outcome: Outcome) -> None:
    for chunk in _chunks(outcome.reconciled):
        Turn.objects.filter(pk__in=map(_turn_id, chunk)).update(quality=Quality.RECONCILED)
    # Those of earlier runs too: one that was cut off has corrected turns and not told them.
    for chunk in _chunks(list(ours.teams)):
        rows = Settlement.objects.filter(subject__in=chunk).exclude(corrected_nano_usd=0)
        for row in rows:
            correct_turn(_turn_id(row.subject), row.cost_nano_usd + row.corrected_nano_usd)


def _turn_id(subject: str) -> UUID:
    return UUID(subject.removeprefix("turn:"))


def _chunks(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(subjects), AT_ONCE):
        yield subjects[start : start + AT_ONCE]
