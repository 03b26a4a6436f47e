"""Verifying settlements: each agrees with its hold, its price, its capture and its corrections."""

from collections.abc import Iterator
from datetime import UTC, timedelta

from django.db.models import Case, Count, F, Max, Q, Sum, When
from django.db.models.functions import Coalesce

from billing.fold import Difference
from billing.models import (
    AccountKind,
    ReconciliationFinding,
    Settlement,
    Transfer,
    TransferKind,
)
from billing.settlement import costs_of, official_cost

ROWS_AT_ONCE = 2000
CORRECTED = Case(
    When(debit__kind=AccountKind.WALLET, then=F("amount_nano_usd")),
    default=-F("amount_nano_usd"),
)
"""By how much a correction raises what its team has paid."""


def settlement_differences() -> Iterator[Difference]:
    """Every released hold is settled, at the cost that was captured and that its tokens give."""
    unsettled = Transfer.objects.filter(kind=TransferKind.RELEASE, pending__hold__settlement=None)
    for transfer in unsettled.iterator():
        yield Difference("settlement_missing", transfer.subject, "released, but not settled")
    captured = Coalesce(
        Sum(
            "hold__transfer__settled_by__amount_nano_usd",
            filter=Q(hold__transfer__settled_by__kind=TransferKind.CAPTURE),
        ),
        0,
    )
    release = Q(hold__transfer__settled_by__kind=TransferKind.RELEASE)
    rows = Settlement.objects.select_related("price_version", "hold__price_version").annotate(
        captured=captured,
        released=Count("hold__transfer__settled_by", filter=release),
        released_at=Max("hold__transfer__settled_by__created_at", filter=release),
        held=F("hold__amount_nano_usd"),
    )
    for row in rows.order_by().iterator(ROWS_AT_ONCE):
        both = costs_of(row, row.hold, row.quality_before or row.quality)
        cost, relay_cost = both.cost_nano_usd, both.relay_cost_nano_usd
        facts = (row.cost_nano_usd, row.relay_cost_nano_usd, row.captured, row.released)
        told = (cost, relay_cost, cost, 1)
        overrun = cost + row.corrected_nano_usd > row.held
        if (*facts, row.overrun) != (*told, overrun):
            detail = f"(cost, at the relay, captured, releases) is {facts}, should be {told}"
            yield Difference("settlement", row.subject, detail)
        yield from _derived_differences(row)
        # Or a turn could be put into another month, where no statement of this one misses it.
        if row.created_at != row.released_at:
            detail = f"settled {row.created_at}, released {row.released_at}"
            yield Difference("settlement", row.subject, detail)
    yield from _correction_differences()


def _correction_differences() -> Iterator[Difference]:
    """What a settlement says it was corrected by is what the corrections of its subject add up to,
    and every correction is of a settled subject of its team; likewise what its relays ask more is
    what the findings add up to."""
    rows = Transfer.objects.filter(kind=TransferKind.CORRECTION).order_by()
    sums = {
        (subject, team_id): total
        for subject, team_id, total in rows.values("subject", "team_id")
        .annotate(total=Sum(CORRECTED))
        .values_list("subject", "team_id", "total")
    }
    found = ReconciliationFinding.objects.filter(settled=True).order_by().values("subject")
    at_relay = dict(
        found.annotate(total=Sum(F("theirs_nano_usd") - F("ours_nano_usd"))).values_list(
            "subject", "total"
        )
    )
    corrected = Settlement.objects.exclude(
        corrected_nano_usd=0, relay_corrected_nano_usd=0
    ) | Settlement.objects.filter(subject__in=rows.values("subject"))
    for row in corrected.order_by("id").iterator(ROWS_AT_ONCE):
        told = sums.pop((row.subject, row.team_id), 0)
        if row.corrected_nano_usd != told:
            detail = f"corrected by {row.corrected_nano_usd}, should be {told}"
            yield Difference("settlement", row.subject, detail)
        told = int(at_relay.get(row.subject, 0))
        if row.relay_corrected_nano_usd != told:
            detail = f"corrected by {row.relay_corrected_nano_usd} at the relay, should be {told}"
            yield Difference("settlement", row.subject, detail)
    for subject, _team in sums:
        yield Difference("settlement_missing", subject, "corrected, but not settled")


def _derived_differences(row: Settlement) -> Iterator[Difference]:
    """What the overview reads of a settlement is what its hold, its price and its moment tell."""
    for name in ("subject", "team_id", "person_id", "model", "price_version_id"):
        written, told = getattr(row, name), getattr(row.hold, name)
        if written != told:
            yield Difference("settlement", row.subject, f"{name} is {written}, should be {told}")
    if row.hold.conversation_id not in (None, row.conversation_id):
        detail = f"is of {row.conversation_id}, held for {row.hold.conversation_id}"
        yield Difference("settlement", row.subject, detail)
    official = official_cost(row.price_version, row.prompt_tokens, row.completion_tokens)
    if row.official_cost_nano_usd != official:
        detail = f"official cost is {row.official_cost_nano_usd}, should be {official}"
        yield Difference("settlement", row.subject, detail)
    # A day of tolerance: the day is told by our clock, the moment by the database's.
    if abs(row.day - row.created_at.astimezone(UTC).date()) > timedelta(days=1):
        yield Difference("settlement", row.subject, f"day is {row.day}, settled {row.created_at}")
