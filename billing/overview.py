"""What the overview shows: spend, saving, tokens, turns and failures, in the days of one zone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import Team, User
from accounts.policy import Principal
from billing.conversation_titles import titles_for
from billing.figures import Figures
from billing.snapshot import snapshot
from billing.usage import Slice, Usage
from billing.usage_filters import RANGES_DAYS, Filter

__all__ = ["RANGES_DAYS", "Figures", "Filter", "Line", "Overview", "Period", "overview"]

ROWS_OF_A_BLOCK = 10

BLOCKS = ("team_id", "person_id", "model", "route", "conversation_id")

NamesOf = Callable[[list[Any]], dict[Any, str]]


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
    """One row of a block: a team, a person, a model, a relay or a conversation."""

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
    routes: tuple[Line, ...] = field(default=())
    conversations: tuple[Line, ...] = field(default=())

    @property
    def period(self) -> Period:
        """The one asked for."""
        return next(period for period in self.periods if period.days == self.asked.days)


def overview(
    asked: Filter, today: date, zone: str = "UTC", reader: Principal | None = None
) -> Overview:
    """Sums over the totals: by day over twice the longest range, and one for each block.

    Conversations have their titles where `reader` may read them.
    """
    with snapshot():
        usage = Usage(zone)
        days = usage.by("day", asked.slice(today - timedelta(days=2 * max(RANGES_DAYS) - 1), today))
        in_range = asked.slice(today - timedelta(days=asked.days - 1), today)
        blocks = {name: _block(usage, name, in_range) for name in BLOCKS}
    return Overview(
        asked=asked,
        zone=zone,
        periods=tuple(_period(days, length, today) for length in RANGES_DAYS),
        days=tuple((day, days.get(day, Figures())) for day in _last(asked.days, today)),
        teams=_named(blocks["team_id"], lambda ids: _names(Team, "name", ids)),
        people=_named(blocks["person_id"], lambda ids: _names(User, "username", ids)),
        models=_named(blocks["model"], _as_they_are),
        routes=_named(blocks["route"], _as_they_are),
        conversations=_named(
            blocks["conversation_id"], lambda ids: _as_they_are(ids) | titles_for(reader, ids)
        ),
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
    # One more, for nobody may be among them. There are far more conversations than of the rest.
    sums = usage.dearest if key == "conversation_id" else usage.first
    dearest = sums(key, asked, ROWS_OF_A_BLOCK + 1)
    named = [(of, figures) for of, figures in dearest.items() if of not in (None, "")]
    return named[:ROWS_OF_A_BLOCK]


def _as_they_are(keys: list[Any]) -> dict[Any, str]:
    return {key: str(key) for key in keys}


def _named(block: list[tuple[Any, Figures]], names_of: NamesOf) -> tuple[Line, ...]:
    names = names_of([of for of, _figures in block])
    return tuple(Line(str(of), names.get(of) or "?", figures) for of, figures in block)


def _names(model: type[Team] | type[User], field: str, ids: list[Any]) -> dict[Any, str]:
    return dict(model._default_manager.filter(pk__in=ids).values_list("pk", field))
