"""What the overview shows: spend, saving, tokens, turns and failures, in the days of one zone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.models import Team, User
from billing.figures import Figures
from billing.snapshot import snapshot
from billing.usage import Slice, Usage

__all__ = ["Figures", "Filter", "Line", "Overview", "Period", "overview"]

RANGES_DAYS = (1, 7, 30)
ROWS_OF_A_BLOCK = 25

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

    def slice(self, first: date, last: date) -> Slice:
        """The usage of this team, person and model on some days, the last one included."""
        return Slice(first, last, self.team, self.person, self.model or None)


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
    """Everything on the page; its days are those of `zone`."""

    asked: Filter
    zone: str
    periods: tuple[Period, ...]
    days: tuple[tuple[date, Figures], ...]
    teams: tuple[Line, ...] = field(default=())
    people: tuple[Line, ...] = field(default=())
    models: tuple[Line, ...] = field(default=())

    @property
    def period(self) -> Period:
        """The one asked for."""
        return next(period for period in self.periods if period.days == self.asked.days)


def overview(asked: Filter, today: date, zone: str = "UTC") -> Overview:
    """Four sums over the totals: by day over twice the longest range, and one for each block."""
    with snapshot():
        usage = Usage(zone)
        days = usage.by("day", asked.slice(today - timedelta(days=2 * max(RANGES_DAYS) - 1), today))
        in_range = asked.slice(today - timedelta(days=asked.days - 1), today)
        blocks = {name: _block(usage, name, in_range) for name in ("team_id", "person_id", "model")}
    return Overview(
        asked=asked,
        zone=zone,
        periods=tuple(_period(days, length, today) for length in RANGES_DAYS),
        days=tuple((day, days.get(day, Figures())) for day in _last(asked.days, today)),
        teams=_named(blocks["team_id"], lambda ids: _names(Team, "name", ids)),
        people=_named(blocks["person_id"], lambda ids: _names(User, "username", ids)),
        models=_named(blocks["model"], lambda models: {model: model for model in models}),
    )


def _last(days: int, until: date) -> list[date]:
    return [until - timedelta(days=back) for back in reversed(range(days))]


def _period(days: Mapping[date, Figures], length: int, today: date) -> Period:
    def total(until: date) -> Figures:
        return sum((days.get(day, Figures()) for day in _last(length, until)), Figures())

    first = today - timedelta(days=length - 1)
    return Period(length, first, today, total(today), total(first - timedelta(days=1)))


def _block(usage: Usage, key: str, asked: Slice) -> list[tuple[Any, Figures]]:
    """Those who spent most. What belongs to nobody is in the sums alone."""
    found = ((of, figures) for of, figures in usage.by(key, asked).items() if of not in (None, ""))
    ordered = sorted(found, key=lambda each: (-each[1].cost_nano_usd, str(each[0])))
    return ordered[:ROWS_OF_A_BLOCK]


def _named(block: list[tuple[Any, Figures]], names_of: NamesOf) -> tuple[Line, ...]:
    names = names_of([of for of, _figures in block])
    return tuple(Line(str(of), names.get(of) or "?", figures) for of, figures in block)


def _names(model: type[Team] | type[User], field: str, ids: list[Any]) -> dict[Any, str]:
    return dict(model._default_manager.filter(pk__in=ids).values_list("pk", field))
