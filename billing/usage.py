"""Sums of usage by day, team, person and model: the totals of a zone, and what is newer than they.

Each settlement and each correction is counted once: in the totals if its id is within the zone's
`UsageFold`, else as it stands in the ledger. So every sum ties to the ledger to the last nano-USD,
however old the totals are. Read several in one `snapshot`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, TruncDate

from billing.figures import Figures
from billing.models import AccountKind, Settlement, Transfer, TransferKind, UsageFold, UsageTotal

FAILED = Q(outcome__startswith="failed") | Q(outcome="orphaned")
"""Outcomes that are nobody's wish: an interrupted turn was stopped by a person."""
KEYS = ("day", "team_id", "person_id", "model")
COLUMNS = Figures.names()


class Key(NamedTuple):
    """Of what a sum is: None where it is of all, or of nobody."""

    day: date | None = None
    team_id: UUID | None = None
    person_id: int | None = None
    model: str | None = None


@dataclass(frozen=True)
class Slice:
    """Which usage is meant: days with both ends, None without an end; a team, person or model."""

    first: date | None = None
    last: date | None = None
    team_id: UUID | None = None
    person_id: int | None = None
    model: str | None = None

    def has(self, key: Key) -> bool:
        """Whether usage of this key is meant."""
        day = key.day
        assert day is not None
        return (
            (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
            and self.team_id in (None, key.team_id)
            and self.person_id in (None, key.person_id)
            and self.model in (None, key.model)
        )

    def totals(self, zone: str) -> QuerySet[UsageTotal]:
        """The totals that are meant."""
        asked = {
            "day__gte": self.first,
            "day__lte": self.last,
            "team_id": self.team_id,
            "person_id": self.person_id,
            "model": self.model,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return UsageTotal.objects.filter(zone=zone, **given).order_by()


class Usage:
    """Usage counted in the days of one zone. Reads what is newer than the totals once."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        reach = UsageFold.objects.filter(zone=zone).first() or UsageFold()
        self._newer = summed(zone, reach, None)

    def by(self, name: str, asked: Slice) -> dict[Any, Figures]:
        """The sums for each day, team_id, person_id or model."""
        rows = asked.totals(self.zone).values(name).annotate(**_sums_of_totals())
        found = {row[name]: _figures(row) for row in rows}
        for key, figures in self._newer.items():
            if asked.has(key):
                of = getattr(key, name)
                found[of] = found.get(of, Figures()) + figures
        return found

    def total(self, asked: Slice) -> Figures:
        """The sum of all."""
        figures = _figures(asked.totals(self.zone).aggregate(**_sums_of_totals()))
        return sum((more for key, more in self._newer.items() if asked.has(key)), figures)


def summed(zone: str, after: UsageFold, through: UsageFold | None) -> dict[Key, Figures]:
    """The sums of the settlements and corrections after one point, up to another, by every key."""
    settled = Settlement.objects.filter(id__gt=after.settlement_id)
    corrected = Transfer.objects.filter(
        kind=TransferKind.CORRECTION, id__gt=after.transfer_id
    ).annotate(of_model=_of_turn("model"), official=_of_turn("official_cost_nano_usd"))
    if through is not None:
        settled = settled.filter(id__lte=through.settlement_id)
        corrected = corrected.filter(id__lte=through.transfer_id)
    found: dict[Key, Figures] = {}
    for rows, model, sums in (
        (settled, F("model"), _SETTLED),
        (corrected, Coalesce(F("of_model"), Value("")), _CORRECTED),
    ):
        _add(found, rows, model, zone, sums)
    return found


def _add(
    found: dict[Key, Figures], rows: QuerySet[Any], model: Any, zone: str, sums: Mapping[str, Any]
) -> None:
    named = rows.order_by().annotate(
        in_day=TruncDate("created_at", tzinfo=ZoneInfo(zone)), named_model=model
    )
    keys = ("in_day", "team_id", "person_id", "named_model")
    grouped = named.values(*keys).annotate(**{f"sum_{name}": each for name, each in sums.items()})
    for row in grouped:
        key = Key(*(row[name] for name in keys))
        found[key] = found.get(key, Figures()) + _figures(row)


def _of_turn(column: str) -> Subquery:
    of_subject = Settlement.objects.filter(subject=OuterRef("subject")).exclude(subject="")
    return Subquery(of_subject.values(column)[:1])


_SETTLED: dict[str, Any] = {
    "turns": Count("id"),
    "failures": Count("id", filter=FAILED),
    "tokens_in": Sum("prompt_tokens"),
    "tokens_out": Sum("completion_tokens"),
    "tokens_cached": Sum("cached_tokens"),
    "tokens_of_reasoning": Sum("reasoning_tokens"),
    "cost_nano_usd": Sum("cost_nano_usd"),
    "relay_cost_nano_usd": Sum("relay_cost_nano_usd"),
    "official_nano_usd": Sum("official_cost_nano_usd"),
    "paid_where_official_nano_usd": Sum(
        "cost_nano_usd", filter=Q(official_cost_nano_usd__isnull=False)
    ),
}
# From a wallet: more was spent after all. To it: less.
_SIGNED = Case(
    When(debit__kind=AccountKind.WALLET, then=F("amount_nano_usd")),
    default=F("amount_nano_usd") * Value(-1),
    output_field=BigIntegerField(),
)
_CORRECTED: dict[str, Any] = {
    "cost_nano_usd": Sum(_SIGNED),
    "corrected_nano_usd": Sum(_SIGNED),
    "paid_where_official_nano_usd": Sum(_SIGNED, filter=Q(official__isnull=False)),
}


def _sums_of_totals() -> dict[str, Any]:
    # Not the columns' own names, which an aggregate beside them would otherwise read.
    return {f"sum_{name}": Sum(name) for name in COLUMNS}


def _figures(row: Mapping[str, Any]) -> Figures:
    # PostgreSQL sums 64-bit integers into decimals.
    return Figures(**{name: int(row.get(f"sum_{name}") or 0) for name in COLUMNS})
