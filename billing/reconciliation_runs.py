"""Reconciling: hold a bill against ours, write down what was found, and correct by transfers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from billing.errors import BillIncomplete, PeriodInvalid
from billing.models import (
    Cause,
    Quality,
    ReconciledPart,
    ReconciliationFinding,
    ReconciliationRun,
    RunState,
    Settlement,
)
from billing.reconciliation import Comparison, Found, Period, compare
from billing.reconciliation_bills import Bill
from billing.reconciliation_correcting import correct, finding_of
from billing.reconciliation_ours import Ours

WINDOW_SECONDS = 120
"""How far the relay's clock and what it calls a request's time may be from ours."""
FIRST_YEAR = 2000
UNBILLED_PERCENT = 20
UNBILLED_TURNS = 10
"""Beyond both, a bill is taken for another one, or for one that breaks off."""
AT_ONCE = 400


@dataclass(frozen=True)
class Asked:
    """What is to be reconciled. `complete`: correct even where the bill lacks much of ours."""

    relay: str
    since: datetime
    until: datetime
    bill: Bill
    dry_run: bool = True
    team_id: UUID | None = None
    person_id: int | None = None
    complete: bool = False


@dataclass(frozen=True)
class Outcome:
    """A run, what was compared, and the subjects that this run has confirmed or corrected
    (`reconciled`: by the bills of all relays that they paid), and of those above their hold now.

    `left_nano_usd`: the relay's cost less ours after the corrections; `open_findings`: those that
    nothing explains away. A dry run tells what they would be.
    """

    run: ReconciliationRun
    comparison: Comparison
    left_nano_usd: int
    open_findings: int
    reconciled: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    overruns: tuple[str, ...] = ()


def check_period(since: datetime, until: datetime) -> None:
    """Raise PeriodInvalid for a time that ends before it begins, or has not passed."""
    # Two minutes before the year 1 there is no time at all.
    if since.year < FIRST_YEAR or not since < until or until > timezone.now():
        raise PeriodInvalid


def reconcile(asked: Asked, ours: Ours) -> Outcome:
    """Compare and, unless it is a dry run, correct. Running it again changes nothing.

    Each turn is corrected in a transaction of its own; a run that was cut off is gone on with by
    the next one. Raises PeriodInvalid and, before anything is written, BillIncomplete.
    """
    check_period(asked.since, asked.until)
    subjects = None
    if asked.team_id is not None:
        subjects = {each for each, team_id in ours.teams.items() if team_id == asked.team_id}
    result = compare(
        ours.tried,
        asked.bill.rows,
        Period(asked.since, asked.until),
        quantum_nano_usd=asked.bill.quantum_nano_usd,
        window_seconds=WINDOW_SECONDS,
        subjects=subjects,
    )
    unbilled = result.causes.get(Cause.UNBILLED, 0)
    many = result.unbilled_percent > UNBILLED_PERCENT and unbilled > UNBILLED_TURNS
    if many and not asked.dry_run and not asked.complete:
        raise BillIncomplete
    run = _begun(asked, result)
    return _told(run, result) if asked.dry_run else _corrected(run, result, ours)


def compare_totals(
    relay: str, since: datetime, until: datetime, ours: Ours, *, total_tokens: int
) -> ReconciliationRun:
    """Keep what the relay says was used in all beside what we have; nothing is corrected."""
    check_period(since, until)
    mine = [each for each in ours.tried if each.billed and since <= each.began_at < until]
    return ReconciliationRun.objects.create(
        relay=relay,
        since=since,
        until=until,
        state=RunState.TOTALS,
        ours_requests=len(mine),
        ours_tokens=sum(each.tokens for each in mine),
        theirs_tokens=total_tokens,
        ours_nano_usd=sum(each.cost_nano_usd for each in mine),
    )


def _begun(asked: Asked, result: Comparison) -> ReconciliationRun:
    return ReconciliationRun.objects.create(
        relay=asked.relay,
        since=asked.since.astimezone(UTC),
        until=asked.until.astimezone(UTC),
        # One that is cut off stays open.
        state=RunState.DRY if asked.dry_run else RunState.OPEN,
        team_id=asked.team_id,
        started_by_id=asked.person_id,
        bill=asked.bill.name[:200],
        bill_sha256=asked.bill.sha256,
        ours_requests=result.ours.requests,
        theirs_requests=result.theirs.requests,
        ours_tokens=result.ours.tokens,
        theirs_tokens=result.theirs.tokens,
        ours_nano_usd=result.ours.nano_usd,
        theirs_nano_usd=result.theirs.nano_usd,
        matched=len(result.confirmed),
        causes=result.causes,
    )


def _told(run: ReconciliationRun, result: Comparison) -> Outcome:
    rows = [finding_of(run, each) for each in result.findings]
    ReconciliationFinding.objects.bulk_create(rows, batch_size=AT_ONCE)
    kept = [each for each in result.findings if not _correctable(each)]
    left = sum(each.theirs_nano_usd - each.ours_nano_usd for each in kept)
    open_findings = sum(each.cause != Cause.ROUNDING for each in kept)
    return Outcome(run, result, left, open_findings)


def _corrected(run: ReconciliationRun, result: Comparison, ours: Ours) -> Outcome:
    turns: dict[str, list[Found]] = defaultdict(list)
    kept: list[Found] = []
    for found in result.findings:
        (turns[found.subject] if _correctable(found) else kept).append(found)
    # A try within the rounding is corrected along with another one of its turn, never alone.
    for found in [each for each in kept if each.cause == Cause.ROUNDING]:
        if found.subject in turns:
            turns[found.subject].append(found)
            kept.remove(found)
    rows = [finding_of(run, each) for each in kept]
    ReconciliationFinding.objects.bulk_create(rows, batch_size=AT_ONCE)
    open_findings = sum(each.cause != Cause.ROUNDING for each in kept)
    left = sum(each.theirs_nano_usd - each.ours_nano_usd for each in kept)
    corrected = 0
    done, overruns, missed = [], [], set()
    for subject, found_of_turn in sorted(turns.items()):
        correction = correct(run, subject, found_of_turn, ours.corrected_at_relay[subject])
        if correction is None:
            missed.add(subject)
            open_findings += len(found_of_turn)
            left += sum(each.theirs_nano_usd - each.ours_nano_usd for each in found_of_turn)
            continue
        corrected += correction.amount_nano_usd
        done.append(subject)
        if correction.overrun:
            overruns.append(subject)
    confirmed = {each.subject for each in result.confirmed} | set(done)
    confirmed |= {each.subject for each in kept if each.cause == Cause.ROUNDING}
    disputed = {each.subject for each in kept if each.cause != Cause.ROUNDING}
    reconciled = _confirm(run, sorted(confirmed - disputed - missed), ours)
    run.corrected_nano_usd = corrected
    run.state = RunState.OPEN if open_findings else RunState.AGREED
    run.save(update_fields=["corrected_nano_usd", "state"])
    return Outcome(run, result, left, open_findings, reconciled, tuple(done), tuple(overruns))


def _correctable(found: Found) -> bool:
    """Only what is known to be a try of ours: nobody is charged for what merely looks like it."""
    return found.ours is not None and found.cause != Cause.ROUNDING


def _confirm(run: ReconciliationRun, subjects: list[str], ours: Ours) -> tuple[str, ...]:
    """Note what this bill has confirmed; returns the turns that no other relay's bill is missing
    of."""
    parts = [each for each in subjects if each in ours.elsewhere]
    for chunk in _chunks(parts):
        ReconciledPart.objects.bulk_create(
            [ReconciledPart(subject=each, relay=run.relay, run=run) for each in chunk],
            ignore_conflicts=True,
        )
    # Read after they are written: of two bills at once one sees them both.
    known: dict[str, set[str]] = defaultdict(set)
    for chunk in _chunks(parts):
        rows = ReconciledPart.objects.filter(subject__in=chunk)
        for subject, relay in rows.values_list("subject", "relay"):
            known[subject].add(relay)
    whole = [each for each in subjects if ours.elsewhere.get(each, frozenset()) <= known[each]]
    for chunk in _chunks(whole):
        Settlement.objects.filter(subject__in=chunk).exclude(quality=Quality.RECONCILED).update(
            quality_before=F("quality"), quality=Quality.RECONCILED
        )
    return tuple(whole)


def _chunks(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(subjects), AT_ONCE):
        yield subjects[start : start + AT_ONCE]
