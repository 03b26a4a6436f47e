"""The overview at the head of the admin: rows, links and charts for its template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.authentication import authenticate_request
from accounts.models import Team, User
from accounts.policy import Principal
from billing.charts import Bar, bars, shares
from billing.overview import Figures, Filter, Line, Overview, Period, overview
from billing.usage_filters import told
from billing.usage_folding import fold_if_due
from billing.zones import chosen_zone, span, today, zones

NOTHING: Mapping[str, object] = MappingProxyType({})
FAILED_ONLY: Mapping[str, object] = MappingProxyType({"failed": 1})


@dataclass(frozen=True)
class Links:
    """Addresses of rows and of the overview, under the filters in force, in days of a zone."""

    asked: Filter
    zone: str

    def rows(self, first: date, last: date, more: Mapping[str, object] = NOTHING) -> str:
        """The settlements behind a number."""
        since, until = span(first, last, self.zone)
        query: dict[str, object] = {
            "created_at__gte": since.isoformat(),
            "created_at__lt": until.isoformat(),
            "team__id__exact": self.asked.team,
            "person__id__exact": self.asked.person,
            "model": self.asked.model,
            "route": self.asked.route,
            "conversation_id": self.asked.conversation,
            **more,
        }
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{reverse('admin:billing_settlement_changelist')}?{urlencode(given)}"

    def page(self, **changed: Any) -> str:
        """The overview with some filters changed; None removes one."""
        query = {"days": self.asked.days, **self.asked.narrows, **changed}
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{reverse('admin:index')}?{urlencode(given)}"


@dataclass(frozen=True)
class Row:
    """One row of a table: a name with its own link, figures with theirs, its share as a bar."""

    name: str
    href: str
    figures: Figures
    rows: str
    failures: str
    share: float
    bar: Bar | None = None


@dataclass(frozen=True)
class Table:
    """A block of the page."""

    id: str
    title: str
    head: str
    rows: tuple[Row, ...]


def overview_context(request: HttpRequest) -> dict[str, Any]:
    """What the template needs, for the filters in the address."""
    asked, zone = Filter.from_query(request.GET.dict()), chosen_zone(request)
    fold_if_due(zone)
    reader = authenticate_request(request)
    shown = overview(asked, today(zone), zone, reader)
    links = Links(asked, zone)
    days = _day_rows(shown, links)
    return {
        "overview": shown,
        "cards": [_card(period, links) for period in shown.periods],
        "chips": list(_chips(links, reader)),
        "zones": [(name, links.page(zone=name)) for name in zones()],
        "days": days,
        "highest_nano_usd": max(
            (max(row.figures.cost_nano_usd, _official(row.figures)) for row in days), default=0
        ),
        "statement": reverse("statement", args=[asked.team]) if asked.team else "",
        "day_head": _("Day"),
        "day_caption": _("By day"),
        "tables": _tables(shown, links),
    }


def _card(period: Period, links: Links) -> dict[str, Any]:
    first, last = period.first, period.last
    return {
        "period": period,
        "title": _("Today") if period.days == 1 else _("%(days)d days") % {"days": period.days},
        "href": links.page(days=period.days),
        "chosen": period.days == links.asked.days,
        "rows": links.rows(first, last),
        "failures": links.rows(first, last, FAILED_ONLY),
    }


def _tables(shown: Overview, links: Links) -> list[Table]:
    period = shown.period
    blocks = (
        ("team", _("By team"), _("Team"), shown.teams, "team__id__exact"),
        ("person", _("By person"), _("Person"), shown.people, "person__id__exact"),
        ("model", _("By model"), _("Model"), shown.models, "model"),
        ("route", _("By relay"), _("Relay"), shown.routes, "route"),
        (
            "conversation",
            _("By conversation"),
            _("Conversation"),
            shown.conversations,
            "conversation_id",
        ),
    )
    return [
        Table(name, title, head, tuple(_line_rows(lines, name, lookup, period, links)))
        for name, title, head, lines, lookup in blocks
    ]


def _line_rows(
    lines: Sequence[Line], name: str, lookup: str, period: Period, links: Links
) -> Iterator[Row]:
    span = (period.first, period.last)
    share_of = shares([line.figures.cost_nano_usd for line in lines])
    for line, share in zip(lines, share_of, strict=True):
        yield Row(
            name=line.name,
            href=links.page(**{name: line.key}),
            figures=line.figures,
            rows=links.rows(*span, {lookup: line.key}),
            failures=links.rows(*span, {lookup: line.key, **FAILED_ONLY}),
            share=share,
        )
    others = period.now - sum((line.figures for line in lines), Figures())
    if lines and others != Figures():
        # With them each table adds up to the period; no filter finds them alone.
        yield Row(_("All others"), "", others, "", "", 0)


def _day_rows(shown: Overview, links: Links) -> list[Row]:
    costs = [figures.cost_nano_usd for _day, figures in shown.days]
    drawn = bars(costs, [_official(figures) for _day, figures in shown.days])
    return [
        Row(
            name=date_format(day, "SHORT_DATE_FORMAT"),
            href=links.rows(day, day),
            figures=figures,
            rows=links.rows(day, day),
            failures=links.rows(day, day, FAILED_ONLY),
            share=share,
            bar=bar,
        )
        for (day, figures), bar, share in zip(shown.days, drawn, shares(costs), strict=True)
    ]


def _official(figures: Figures) -> int:
    """What the day would have cost at official prices, where there are any."""
    return figures.cost_nano_usd + max(figures.saving_nano_usd, 0)


def _chips(links: Links, reader: Principal | None) -> Iterator[tuple[str, str]]:
    """The filters in force, each with the address that removes it."""
    asked = links.asked
    team = Team.objects.filter(pk=asked.team).first() if asked.team else None
    person = User.objects.filter(pk=asked.person).first() if asked.person is not None else None
    for name, text in told(asked, reader, str(team or ""), str(person or "")):
        yield text, links.page(**{name: None})
