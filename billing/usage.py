"""Sums of usage by day, team, person, model, route and conversation, in the days of a zone.

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
from billing.models import (
    AccountKind,
    ConversationTotal,
    ReconciliationFinding,
    Settlement,
    Transfer,
    TransferKind,
    UsageFold,
    UsageTotal,
)

FAILED = Q(outcome__startswith="failed") | Q(outcome="orphaned")
"""Outcomes that are nobody's wish: an interrupted turn was stopped by a person."""
COLUMNS = Figures.names()
MANY_NEWER = 2_000
"""Of more conversations the newer sums are not looked up one by one."""


class Key(NamedTuple):
    """Of what a sum is: None where it is of all, or of nobody."""

    day: date | None = None
    team_id: UUID | None = None
    person_id: int | None = None
    model: str | None = None
    route: str | None = None
    conversation_id: UUID | None = None


@dataclass(frozen=True)
class Slice:
    """Which usage is meant: days with both ends, None without an end; whose, of what, where."""

    first: date | None = None
    last: date | None = None
    team_id: UUID | None = None
    person_id: int | None = None
    model: str | None = None
    route: str | None = None
    conversation_id: UUID | None = None

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
            and self.route in (None, key.route)
            and self.conversation_id in (None, key.conversation_id)
        )

    def totals(self, zone: str, by: str = "") -> QuerySet[Any]:
        """The totals that are meant; those apart by conversation only where it takes them."""
        apart = self.conversation_id is not None or by == "conversation_id"
        totals: QuerySet[Any] = (ConversationTotal if apart else UsageTotal)._default_manager.all()
        asked = {
            "day__gte": self.first,
            "day__lte": self.last,
            "team_id": self.team_id,
            "person_id": self.person_id,
            "model": self.model,
            "route": self.route,
            "conversation_id": self.conversation_id,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return totals.filter(zone=zone, **given).order_by()


class Usage:
    """Usage counted in the days of one zone. Reads what is newer than the totals once."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        reach = UsageFold.objects.filter(zone=zone).first() or UsageFold()
        self._newer = summed(zone, reach, None)

    def by(self, name: str, asked: Slice) -> dict[Any, Figures]:
        """The sums for each day, team_id, person_id, model, route or conversation_id."""
        rows = asked.totals(self.zone, name).values(name).annotate(**_sums_of_totals())
        return self._with_newer(name, asked, {row[name]: _figures(row) for row in rows})

    def first(self, name: str, asked: Slice, most: int) -> dict[Any, Figures]:
        """The same of the `most` that cost most, dearest first."""
        return _first(self.by(name, asked), most)

    def dearest(self, name: str, asked: Slice, most: int) -> dict[Any, Figures]:
        """The same as `first`, in two questions, for where there are very many."""
        newer = self._with_newer(name, asked, {})
        if len(newer) > MANY_NEWER:
            return self.first(name, asked, most)
        totals = asked.totals(self.zone, name).values(name)
        # Whoever is not newer and among the first is among so many of the totals alone.
        ordered = totals.annotate(_spend=Sum("cost_nano_usd")).order_by("-_spend", name)
        keys = {row[name] for row in ordered[: most + len(newer)]} | newer.keys()
        meant = Q(**{f"{name}__in": keys - {None}})
        if None in keys:
            meant |= Q(**{f"{name}__isnull": True})
        rows = totals.filter(meant).annotate(**_sums_of_totals())
        found = {row[name]: _figures(row) for row in rows}
        return _first(self._with_newer(name, asked, found), most)

    def total(self, asked: Slice) -> Figures:
        """The sum of all."""
        figures = _figures(asked.totals(self.zone).aggregate(**_sums_of_totals()))
        return sum((more for key, more in self._newer.items() if asked.has(key)), figures)

    def _with_newer(self, name: str, asked: Slice, found: dict[Any, Figures]) -> dict[Any, Figures]:
        for key, figures in self._newer.items():
            if asked.has(key):
                of = getattr(key, name)
                found[of] = found.get(of, Figures()) + figures
        return found


def summed(zone: str, after: UsageFold, through: UsageFold | None) -> dict[Key, Figures]:
    """The sums of the settlements and corrections after one point, up to another, by every key."""
    settled = Settlement.objects.filter(id__gt=after.settlement_id)
    corrected = Transfer.objects.filter(
        kind=TransferKind.CORRECTION, id__gt=after.transfer_id
    ).annotate(
        of_model=_of_turn("model"),
        of_route=_of_turn("route"),
        of_conversation=_of_turn("conversation_id"),
        official=_of_turn("official_cost_nano_usd"),
        at_relay=_MORE_AT_RELAY,
    )
    if through is not None:
        settled = settled.filter(id__lte=through.settlement_id)
        corrected = corrected.filter(id__lte=through.transfer_id)
    found: dict[Key, Figures] = {}
    _add(found, settled, [F("model"), F("route"), F("conversation_id")], zone, _SETTLED)
    of_turn = [Coalesce(F(name), Value("")) for name in ("of_model", "of_route")]
    _add(found, corrected, [*of_turn, F("of_conversation")], zone, _CORRECTED)
    return found


def _add(
    found: dict[Key, Figures],
    rows: QuerySet[Any],
    of_turn: list[Any],
    zone: str,
    sums: Mapping[str, Any],
) -> None:
    in_day = TruncDate("created_at", tzinfo=ZoneInfo(zone))
    named = dict(zip(("_model", "_route", "_conversation"), of_turn, strict=True))
    keys = ("_day", "team_id", "person_id", *named)
    each = {f"sum_{name}": sum_ for name, sum_ in sums.items()}
    grouped = rows.order_by().annotate(_day=in_day, **named).values(*keys).annotate(**each)
    for row in grouped:
        key = Key(*(row[name] for name in keys))
        found[key] = found.get(key, Figures()) + _figures(row)


def _first(sums: dict[Any, Figures], most: int) -> dict[Any, Figures]:
    ordered = sorted(sums.items(), key=lambda each: (-each[1].cost_nano_usd, str(each[0])))
    return dict(ordered[:most])


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
_MORE_AT_RELAY = Subquery(
    ReconciliationFinding.objects.filter(transfer=OuterRef("pk"))
    .order_by()
    .values("transfer")
    .annotate(more=Sum(F("theirs_nano_usd") - F("ours_nano_usd")))
    .values("more"),
    output_field=BigIntegerField(),
)
"""By how much the relay's price of the turn rose along with a correction."""
_CORRECTED: dict[str, Any] = {
    "cost_nano_usd": Sum(_SIGNED),
    "corrected_nano_usd": Sum(_SIGNED),
    "relay_cost_nano_usd": Sum("at_relay"),
    "paid_where_official_nano_usd": Sum(_SIGNED, filter=Q(official__isnull=False)),
}


def _sums_of_totals() -> dict[str, Any]:
    # Not the columns' own names, which an aggregate beside them would otherwise read.
    return {f"sum_{name}": Sum(name) for name in COLUMNS}


def _figures(row: Mapping[str, Any]) -> Figures:
    # PostgreSQL sums 64-bit integers into decimals.
    return Figures(**{name: int(row.get(f"sum_{name}") or 0) for name in COLUMNS})
