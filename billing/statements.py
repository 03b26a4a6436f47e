"""A team's statement of a month, in the days of a zone: credit, spend, and on whom and what."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Sum
from django.db.models.expressions import RawSQL

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.figures import Figures
from billing.models import Hold, Settlement, Transfer, TransferKind
from billing.snapshot import snapshot
from billing.usage import Slice, Usage
from billing.zones import span

# Spelled out, or SQLite does not see that the index of these few rows fits.
BOOKED = RawSQL(
    "billing_transfer.kind IN ('grant', 'adjustment', 'correction')",
    (),
    output_field=BooleanField(),
)


@dataclass(frozen=True)
class Line:
    """What somebody, some model or some day used."""

    name: str
    figures: Figures


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
    days: tuple[Line, ...]

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


def statement(team: Team, month: date, zone: str) -> Statement:
    """The statement of the month that a day is in. One snapshot, so that its parts agree."""
    first, last = month_of(month)
    since, until = span(first, last, zone)
    asked = Slice(first, last, team.pk)
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
            days=by_day(usage.by("day", asked)),
        )


def by_spend(sums: dict[Any, Figures], names: dict[Any, str] | None = None) -> tuple[Line, ...]:
    """A line each, who spent most first."""
    lines = [
        Line((names or {}).get(key) or str(key or "–"), figures) for key, figures in sums.items()
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
