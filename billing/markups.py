"""Markups: what a team pays above the relay's price, in dated versions that are never edited."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from billing.errors import MarkupRefused
from billing.models import Hold, Markup
from billing.money import BASIS_POINTS

LEAST_BASIS_POINTS = -BASIS_POINTS
MOST_BASIS_POINTS = 10 * BASIS_POINTS
POINTS_PER_PERCENT = 100
NO_PERCENTAGE = "%(text)s is not a percentage, such as 12.5."


def markup_of(team_id: UUID | None, at: datetime | None = None) -> int:
    """A team's markup at a moment, or now, in basis points: its own, else everybody's, else 0."""
    in_force = _in_force(team_id, at).values_list("basis_points", flat=True).first()
    return in_force or 0


def own_markups() -> frozenset[UUID]:
    """The teams that have a markup of their own now."""
    started = Markup.objects.filter(starts_at__lte=Now(), team__isnull=False).order_by()
    return frozenset(started.values_list("team_id", flat=True))


def _in_force(team_id: UUID | None, at: datetime | None = None) -> QuerySet[Markup]:
    started = Markup.objects.filter(Q(team_id=team_id) | Q(team=None), starts_at__lte=at or Now())
    return started.order_by(F("team_id").asc(nulls_last=True), "-starts_at", "-id")


def set_markup(
    basis_points: int,
    team_id: UUID | None = None,
    starts_at: datetime | None = None,
    person_id: int | None = None,
) -> Markup:
    """Add a version that starts now, or at a moment, for a team or for all without their own.

    MarkupRefused below -100 % or above 1,000 %, or for a start before a turn that is priced.
    """
    check_markup(basis_points, team_id, starts_at)
    return Markup.objects.create(
        team_id=team_id,
        basis_points=basis_points,
        # Whole seconds: the database's clock is coarser than ours.
        starts_at=starts_at or timezone.now().replace(microsecond=0),
        created_by_id=person_id,
    )


def check_markup(basis_points: int, team_id: UUID | None, starts_at: datetime | None) -> None:
    """Raise what `set_markup` would refuse."""
    if not LEAST_BASIS_POINTS <= basis_points <= MOST_BASIS_POINTS:
        raise MarkupRefused("A markup is between -100 and 1,000 percent.")
    if starts_at is None:
        return
    held = Hold.objects.filter(transfer__created_at__gte=starts_at)
    if (held if team_id is None else held.filter(team_id=team_id)).exists():
        raise MarkupRefused(
            "Turns since then are priced already, and their markup stays. "
            "Let the new markup start now or later."
        )


def percent_to_basis_points(percent: str | Decimal) -> int:
    """A markup as people write it, "12.5", as 1250 basis points. MarkupRefused unless exact."""
    try:
        figure = Decimal(percent.strip().removesuffix("%") if isinstance(percent, str) else percent)
    except InvalidOperation:
        raise MarkupRefused(NO_PERCENTAGE, text=repr(percent)) from None
    if not figure.is_finite() or (figure and not -30 < figure.adjusted() < 6):
        raise MarkupRefused(NO_PERCENTAGE, text=repr(percent))
    points = figure * POINTS_PER_PERCENT
    if points != points.to_integral_value():
        raise MarkupRefused("A markup has at most two decimal places, such as 12.25.")
    return int(points)


def basis_points_to_percent(basis_points: int) -> str:
    """1250 as "12.5"."""
    return format((Decimal(basis_points) / POINTS_PER_PERCENT).normalize() + Decimal(0), "f")
