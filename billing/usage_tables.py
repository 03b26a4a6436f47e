"""Tables and charts of usage pages: rows with their share of the most, and bars by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.charts import Bar, bars, shares
from billing.figures import Figures
from billing.statements import Line
from billing.usage_query import Asked


@dataclass(frozen=True)
class Row:
    """A name, its figures, its spend in percent of the highest, and the query for it alone."""

    name: str
    figures: Figures
    share: float
    query: str = ""


@dataclass(frozen=True)
class Table:
    """A caption, the name of the first column, the rows, and what they add up to."""

    caption: str
    head: str
    rows: tuple[Row, ...]
    total: Figures


@dataclass(frozen=True)
class Column:
    """A day of the chart."""

    name: str
    figures: Figures
    bar: Bar


def figures_table(kind: str, lines: Sequence[Line], asked: Asked) -> Table:
    """A table by team, person, model, route, conversation or day."""
    caption, head = {
        "team": (_("By team"), _("Team")),
        "person": (_("By person"), _("Person")),
        "model": (_("By model"), _("Model")),
        "route": (_("By relay"), _("Relay")),
        "conversation": (_("By conversation"), _("Conversation")),
        "day": (_("By day"), _("Day")),
    }[kind]
    # All others together are beyond the scale of those that stand alone.
    share_of = shares([0 if line.is_rest else line.figures.cost_nano_usd for line in lines])
    rows = (
        Row(
            _day(line.name) if kind == "day" else line.name,
            line.figures,
            share,
            asked.query(**{kind: line.key}) if line.key is not None else "",
        )
        for line, share in zip(lines, share_of, strict=True)
    )
    total = sum((line.figures for line in lines), Figures())
    return Table(caption, head, tuple(rows), total)


def drawn(days: Sequence[Line], first: date, last: date) -> tuple[Column, ...]:
    """A column for each day from the first to the last, with what it cost officially behind it."""
    used = {line.name: line.figures for line in days}
    names = [(first + timedelta(days=add)).isoformat() for add in range((last - first).days + 1)]
    figures = [used.get(name, Figures()) for name in names]
    costs = [each.cost_nano_usd for each in figures]
    official = [_official(each) for each in figures]
    return tuple(
        Column(_day(name), each, bar)
        for name, each, bar in zip(names, figures, bars(costs, official), strict=True)
    )


def drawing(days: Sequence[Line], first: date, last: date) -> dict[str, object]:
    """The chart for a template, with what its full height is, in nano-USD."""
    chart = drawn(days, first, last)
    tops = (max(day.figures.cost_nano_usd, _official(day.figures)) for day in chart)
    return {"chart": chart, "chart_nano_usd": max(tops, default=0)}


def _official(figures: Figures) -> int:
    """What a day would have cost at official prices, where there are any."""
    return figures.cost_nano_usd + max(figures.saving_nano_usd, 0)


def _day(name: str) -> str:
    return date_format(date.fromisoformat(name), "SHORT_DATE_FORMAT")
