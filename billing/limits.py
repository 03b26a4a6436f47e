"""Limits: which apply to a person's turn, and the budget of each one's current period."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from billing.models import Budget, BudgetScope, Limit, LimitScope, Period

RANKS = {
    LimitScope.INSTALLATION: 0,
    LimitScope.TEAM: 1,
    LimitScope.PERSON: 2,
    LimitScope.CONVERSATION: 3,
}
"""The order in which budgets are locked."""


def limits_above(
    team_id: UUID, person_id: int, conversation_id: UUID | None
) -> Iterable[tuple[Limit, datetime]]:
    """Each limit in force above a turn of this person, with the database's time."""
    above = (
        Q(scope=LimitScope.INSTALLATION)
        | Q(scope=LimitScope.TEAM, team_id=team_id)
        | Q(scope=LimitScope.PERSON, team_id=team_id, person_id=person_id)
    )
    if conversation_id is not None:
        above |= Q(scope=LimitScope.CONVERSATION, team_id=team_id, conversation_id=conversation_id)
    rows = Limit.objects.filter(above, ended_at=None).annotate(moment=Now())
    return [(limit, limit.moment) for limit in rows]


def current_budgets(limits: Iterable[tuple[Limit, datetime]]) -> list[str]:
    """The keys of the budgets of the limits' current periods, opened where they are not there."""
    wanted = {}
    for limit, moment in limits:
        start = period_start(limit.period, limit.zone or settings.BILLING_ZONE, moment)
        wanted[budget_key(limit, start)] = (limit, start)
    known = set(Budget.objects.filter(key__in=wanted).values_list("key", flat=True))
    for key in wanted.keys() - known:
        limit, start = wanted[key]
        Budget.objects.get_or_create(
            key=key,
            defaults={
                "scope": BudgetScope(limit.scope),
                "rank": RANKS[LimitScope(limit.scope)],
                "team_id": limit.team_id,
                "person_id": limit.person_id,
                "conversation_id": limit.conversation_id,
                "limit": limit,
                "period_start": start,
                "is_hard": limit.is_hard,
                "granted_nano_usd": limit.amount_nano_usd,
            },
        )
    return list(wanted)


def period_start(period: str, zone: str, moment: datetime) -> date | None:
    """The first day of the period that a moment falls into, in a zone; weeks begin on Monday."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    if period == Period.DAY:
        return day
    if period == Period.WEEK:
        return day - timedelta(days=day.weekday())
    if period == Period.MONTH:
        return day.replace(day=1)
    return None


def budget_key(limit: Limit, start: date | None) -> str:
    """The key of the budget of a limit's period."""
    return f"limit:{limit.pk}" if start is None else f"limit:{limit.pk}:{start}"


def limit_key(limit: Limit) -> str:
    """Scope, owner and period: an owner has one limit in force for each period."""
    owners = (limit.team_id, limit.person_id, limit.conversation_id)
    return ":".join([limit.scope, *(str(each or "") for each in owners), limit.period])
