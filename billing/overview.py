"""What the overview shows: spend, saving, tokens, turns and failures, in one query a block."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from accounts.models import Team, User
from billing.models import Settlement
from billing.prices import saving_percent

RANGES_DAYS = (1, 7, 30)
ROWS_OF_A_BLOCK = 25
FAILED = Q(outcome__startswith="failed") | Q(outcome="orphaned")
"""Outcomes that are nobody's wish: an interrupted turn was stopped by a person."""


@dataclass(frozen=True)
class Figures:
    """Sums over some settlements. `official` and `paid_where_official` cover the same turns."""

    turns: int = 0
    failures: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_nano_usd: int = 0
    official_nano_usd: int = 0
    paid_where_official_nano_usd: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        pairs = ((getattr(self, name), getattr(other, name)) for name in SUMS)
        return Figures(*(mine + theirs for mine, theirs in pairs))

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.tokens_in + self.tokens_out

    @property
    def saving_nano_usd(self) -> int:
        """Against the official prices, where there are any."""
        return self.official_nano_usd - self.paid_where_official_nano_usd

    @property
    def saving_percent(self) -> Decimal | None:
        """The same, of the official cost."""
        return saving_percent(self.paid_where_official_nano_usd, self.official_nano_usd)


SUMS: dict[str, Any] = {
    "turns": Count("id"),
    "failures": Count("id", filter=FAILED),
    "tokens_in": Sum("prompt_tokens"),
    "tokens_out": Sum("completion_tokens"),
    "cost_nano_usd": Sum("cost_nano_usd"),
    "official_nano_usd": Sum("official_cost_nano_usd"),
    "paid_where_official_nano_usd": Sum(
        "cost_nano_usd", filter=Q(official_cost_nano_usd__isnull=False)
    ),
}


NamesOf = Callable[[list[Any]], dict[Any, str]]


@dataclass(frozen=True)
class Filter:
    """What the address asks for; what it asks wrongly is ignored."""

    days: int = 30
    team: UUID | None = None
    person: int | None = None
    model: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Filter":
        """Read `days`, `team`, `person` and `model`."""
        days, person = query.get("days", ""), query.get("person", "")
        try:
            team = UUID(query.get("team", ""))
        except ValueError:
            team = None
        return cls(
            days=int(days) if days in {str(known) for known in RANGES_DAYS} else 30,
            team=team,
            person=int(person)
            if person.isascii() and person.isdecimal() and len(person) < 19
            else None,
            # PostgreSQL refuses to look for NUL, which no model's name has.
            model=query.get("model", "").replace("\x00", "")[:200],
        )

    def rows(self) -> QuerySet[Settlement]:
        """The settlements of this team, person and model, of all days."""
        owner = {"team_id": self.team, "person_id": self.person, "model": self.model or None}
        given = {name: value for name, value in owner.items() if value is not None}
        return Settlement.objects.filter(**given).order_by()


@dataclass(frozen=True)
class Period:
    """The last so many days, today included, and the same number of days before them."""

    days: int
    first: date
    last: date
    now: Figures
    before: Figures

    @property
    def change_percent(self) -> Decimal | None:
        """How the spend changed; None where there was none before."""
        if not self.before.cost_nano_usd:
            return None
        change = Decimal(self.now.cost_nano_usd - self.before.cost_nano_usd) * 100
        return (change / self.before.cost_nano_usd).quantize(Decimal("0.1"))


@dataclass(frozen=True)
class Line:
    """One row of a block: a team, a person or a model."""

    key: str
    name: str
    figures: Figures


@dataclass(frozen=True)
class Overview:
    """Everything on the page."""

    asked: Filter
    periods: tuple[Period, ...]
    days: tuple[tuple[date, Figures], ...]
    teams: tuple[Line, ...] = field(default=())
    people: tuple[Line, ...] = field(default=())
    models: tuple[Line, ...] = field(default=())

    @property
    def period(self) -> Period:
        """The one asked for."""
        return next(period for period in self.periods if period.days == self.asked.days)


def overview(asked: Filter, today: date) -> Overview:
    """Four grouped queries: by day over twice the longest range, and one for each block."""
    rows = asked.rows()
    days = _by_day(rows, today - timedelta(days=2 * max(RANGES_DAYS) - 1), today)
    in_range = rows.filter(day__gt=today - timedelta(days=asked.days), day__lte=today)
    return Overview(
        asked=asked,
        periods=tuple(_period(days, length, today) for length in RANGES_DAYS),
        days=tuple((day, days.get(day, Figures())) for day in _last(asked.days, today)),
        teams=_block(in_range, "team_id", lambda ids: _names(Team, "name", ids)),
        people=_block(in_range, "person_id", lambda ids: _names(User, "username", ids)),
        models=_block(in_range, "model", lambda models: {model: model for model in models}),
    )


def _last(days: int, until: date) -> list[date]:
    return [until - timedelta(days=back) for back in reversed(range(days))]


def _period(days: Mapping[date, Figures], length: int, today: date) -> Period:
    def total(until: date) -> Figures:
        return sum((days.get(day, Figures()) for day in _last(length, until)), Figures())

    first = today - timedelta(days=length - 1)
    return Period(length, first, today, total(today), total(first - timedelta(days=1)))


def _by_day(rows: QuerySet[Settlement], first: date, last: date) -> dict[date, Figures]:
    grouped = rows.filter(day__gte=first, day__lte=last).values("day").annotate(**_aliased())
    return {row["day"]: _figures(row) for row in grouped}


def _block(rows: QuerySet[Settlement], key: str, names_of: NamesOf) -> tuple[Line, ...]:
    grouped = list(
        rows.values(key)
        .annotate(**_aliased())
        .order_by(F("sum_cost_nano_usd").desc(), key)[:ROWS_OF_A_BLOCK]
    )
    # Names afterwards, for the few rows shown: joined, each turn would fetch its team's.
    names = names_of([row[key] for row in grouped])
    return tuple(Line(str(row[key]), names.get(row[key], "?"), _figures(row)) for row in grouped)


def _names(model: type[Team] | type[User], field: str, ids: list[Any]) -> dict[Any, str]:
    return dict(model._default_manager.filter(pk__in=ids).values_list("pk", field))


def _aliased() -> dict[str, Any]:
    # Not the columns' own names, which an aggregate beside them would otherwise read.
    return {f"sum_{name}": total for name, total in SUMS.items()}


def _figures(row: Mapping[str, Any]) -> Figures:
    # PostgreSQL sums 64-bit integers into decimals.
    return Figures(*(int(row[f"sum_{name}"] or 0) for name in SUMS))
