"""A team's statement of a month, in the days of a zone: credit, spend, and on whom and what.

Or a part of it: of a person, a model, a relay or a conversation.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Sum
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from accounts.models import Team, User
from accounts.policy import Principal
from billing.budgets import budget_of
from billing.conversation_titles import titles_for
from billing.figures import Figures
from billing.models import Hold, Settlement, Transfer, TransferKind
from billing.snapshot import snapshot
from billing.usage import Slice, Usage
from billing.usage_filters import Filter
from billing.zones import span

# Spelled out, or SQLite does not see that the index of these few rows fits.
BOOKED = RawSQL(
    "billing_transfer.kind IN ('grant', 'adjustment', 'correction')",
    (),
    output_field=BooleanField(),
)


CONVERSATIONS_SHOWN = 25
"""Of the dearest ones a page tells, and the others together."""
EVERYTHING = Filter()


@dataclass(frozen=True)
class Line:
    """What somebody, something or some day used. `key` is None for nobody, and for others."""

    name: str
    figures: Figures
    key: Any = None
    is_rest: bool = False


@dataclass(frozen=True)
class Booking:
    """Credit given, or taken back where the amount is negative, in nano-USD."""

    moment: datetime
    amount_nano_usd: int
    note: str
    person: str


@dataclass(frozen=True)
class Statement:
    """A month of a team. Amounts in nano-USD; both days are in.

    opening + given − taken back − spend = closing, to the last unit, as the transfers have it.
    """

    team: Team
    zone: str
    first: date
    last: date
    until: datetime
    opening_nano_usd: int
    bookings: tuple[Booking, ...]
    figures: Figures
    held_nano_usd: int
    people: tuple[Line, ...]
    models: tuple[Line, ...]
    routes: tuple[Line, ...]
    conversations: tuple[Line, ...]
    days: tuple[Line, ...]
    only: Filter = EVERYTHING

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole statement: of a part, only the spend is told."""
        return all(value in (None, "") for value in self.only.narrows.values())

    @property
    def is_over(self) -> bool:
        """Whether the month has ended: nothing changes any more."""
        return self.until <= datetime.now(UTC)

    @property
    def given_nano_usd(self) -> int:
        """Credit that was given."""
        return sum(max(each.amount_nano_usd, 0) for each in self.bookings)

    @property
    def taken_back_nano_usd(self) -> int:
        """Credit that was taken back, as a positive amount."""
        return -sum(min(each.amount_nano_usd, 0) for each in self.bookings)

    @property
    def closing_nano_usd(self) -> int:
        """Credit at the end, of which open holds are a part."""
        booked = self.given_nano_usd - self.taken_back_nano_usd
        return self.opening_nano_usd + booked - self.figures.cost_nano_usd


def month_of(day: date) -> tuple[date, date]:
    """The first and last day of its month."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def statement(
    team: Team,
    month: date,
    zone: str,
    only: Filter = EVERYTHING,
    reader: Principal | None = None,
    conversations: int | None = CONVERSATIONS_SHOWN,
) -> Statement:
    """The statement of the month that a day is in. One snapshot, so that its parts agree.

    With `only` the spend is that of a part. So many conversations stand by themselves, None: all;
    their titles where `reader` may read them.
    """
    first, last = month_of(month)
    since, until = span(first, last, zone)
    asked = replace(only, team=team.pk).slice(first, last)
    with snapshot():
        usage = Usage(zone)
        spent_before = usage.total(Slice(None, first - timedelta(days=1), team.pk)).cost_nano_usd
        bookings = _bookings(team.pk, until)
        given_before = sum(each.amount_nano_usd for each in bookings if each.moment < since)
        people = usage.by("person_id", asked)
        return Statement(
            team=team,
            zone=zone,
            first=first,
            last=last,
            until=until,
            opening_nano_usd=given_before - spent_before,
            bookings=tuple(each for each in bookings if each.moment >= since),
            figures=usage.total(asked),
            held_nano_usd=_held(team.pk, until),
            people=by_spend(people, names_of(people)),
            models=by_spend(usage.by("model", asked)),
            routes=by_spend(usage.by("route", asked)),
            conversations=by_conversation(usage, asked, reader, conversations),
            days=by_day(usage.by("day", asked)),
            only=only,
        )


def by_conversation(
    usage: Usage, asked: Slice, reader: Principal | None, most: int | None = CONVERSATIONS_SHOWN
) -> tuple[Line, ...]:
    """A line for each conversation, dearest first; beyond `most` one for all the others."""
    if most is None:
        sums = usage.by("conversation_id", asked)
        return by_spend(sums, _names(reader, sums))
    sums = usage.dearest("conversation_id", asked, most)
    lines = by_spend(sums, _names(reader, sums))
    others = usage.total(asked) - sum((line.figures for line in lines), Figures())
    return (*lines, Line(_("All others"), others, is_rest=True)) if others != Figures() else lines


def _names(reader: Principal | None, ids: Collection[UUID | None]) -> dict[UUID | None, str]:
    """The titles that `reader` may see, and a name for what no conversation has."""
    names: dict[UUID | None, str] = {None: _("Programs, outside conversations")}
    names.update(titles_for(reader, ids).items())
    return names


def by_spend(sums: dict[Any, Figures], names: dict[Any, str] | None = None) -> tuple[Line, ...]:
    """A line each, who spent most first."""
    lines = [
        Line((names or {}).get(key) or str(key or "–"), figures, key or None)
        for key, figures in sums.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.figures.cost_nano_usd, line.name)))


def by_day(sums: dict[date, Figures]) -> tuple[Line, ...]:
    """A line for each day with any usage, named as in 2026-11-30."""
    return tuple(Line(day.isoformat(), figures) for day, figures in sorted(sums.items()))


def names_of(people: dict[int | None, Figures]) -> dict[int | None, str]:
    """The names of some people."""
    ids = [id for id in people if id is not None]
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))


def _bookings(team_id: UUID, until: datetime) -> list[Booking]:
    kinds = (TransferKind.GRANT, TransferKind.ADJUSTMENT)
    rows = (
        Transfer.objects.filter(BOOKED, team_id=team_id, created_at__lt=until, kind__in=kinds)
        .order_by("created_at", "id")
        .values_list("created_at", "kind", "amount_nano_usd", "note", "person__username")
    )
    return [
        Booking(moment, amount if kind == TransferKind.GRANT else -amount, note, person or "")
        for moment, kind, amount, note, person in rows
    ]


def _held(team_id: UUID, until: datetime) -> int:
    """What was held for turns under way at a moment; now, where it is still to come."""
    held_now = budget_of(team_id).held_nano_usd
    if until > datetime.now(UTC):
        return held_now
    held = 0
    if held_now:
        still = Hold.objects.filter(
            team_id=team_id, settlement=None, transfer__created_at__lt=until
        )
        held += _sum(still, "amount_nano_usd")
    ended_later = Settlement.objects.filter(
        team_id=team_id,
        # By the index; the day is that of the moment in UTC.
        day__gte=until.date(),
        created_at__gte=until,
        hold__transfer__created_at__lt=until,
    )
    return held + _sum(ended_later, "hold__amount_nano_usd")


def _sum(rows: Any, column: str) -> int:
    return int(rows.order_by().aggregate(sum=Sum(column))["sum"] or 0)
