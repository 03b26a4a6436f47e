"""Limits: which apply to a person's turn, and the budget of each one's current period."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from billing.models import Budget, BudgetScope, Limit, LimitScope, Period

RANKS = {
    LimitScope.INSTALLATION: 0,
    LimitScope.TEAM: 1,
    LimitScope.PERSON: 2,
    LimitScope.CONVERSATION: 3,
    LimitScope.API_KEY: 4,
}
"""The order in which budgets are locked."""


def limits_above(
    team_id: UUID,
    person_id: int,
    conversation_id: UUID | None,
    api_key_id: int | None = None,
) -> list[tuple[Limit, datetime]]:
    """Each limit in force above a turn of this person, with the database's time."""
    owners: list[tuple[LimitScope, UUID | None, int | None, UUID | int | None]] = [
        (LimitScope.INSTALLATION, None, None, None),
        (LimitScope.TEAM, team_id, None, None),
        (LimitScope.PERSON, team_id, person_id, None),
    ]
    if conversation_id is not None:
        owners.append((LimitScope.CONVERSATION, team_id, None, conversation_id))
    if api_key_id is not None:
        owners.append((LimitScope.API_KEY, team_id, None, api_key_id))
    keys = [limit_key(*owner, period) for owner in owners for period in Period]
    rows = Limit.objects.filter(key__in=keys, ended_at=None).order_by().annotate(moment=Now())
    return [(limit, limit.moment) for limit in rows]


def current_periods(
    limits: Iterable[tuple[Limit, datetime]],
) -> dict[str, tuple[Limit, date | None]]:
    """The key of the budget of each limit's current period, with the period's first day."""
    periods = {}
    for limit, moment in limits:
        start = period_start(limit.period, zone_of(limit), moment)
        periods[budget_key(limit, start)] = (limit, start)
    return periods


def current_budgets(
    limits: Iterable[tuple[Limit, datetime]], besides: str
) -> tuple[list[str], bool]:
    """The keys of the budgets of the limits' current periods, opened where they are not there; and
    whether the one that is locked `besides` them is missing, asked in the same query.

    To be called before any budget is locked: what is opened is locked too, limit before budget.
    """
    wanted = current_periods(limits)
    if not wanted:
        return [], False
    known = set(Budget.objects.filter(key__in=[*wanted, besides]).values_list("key", flat=True))
    missing = {key: wanted[key] for key in wanted.keys() - known}
    if missing:
        _open(missing)
    return list(wanted), besides not in known


def _open(missing: dict[str, tuple[Limit, date | None]]) -> None:
    """Open budgets with the amounts that their limits have now.

    A limit is changed under the same lock, so nobody opens a period with the amount of before.
    """
    with transaction.atomic():
        ids = [limit.pk for limit, _ in missing.values()]
        rows = Limit.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("id")
        limits = {limit.pk: limit for limit in rows}
        # In one order, or two who open the same ones would wait for each other.
        for key, (limit, start) in sorted(missing.items(), key=lambda item: item[1][0].pk):
            Budget.objects.get_or_create(key=key, defaults=_opening(limits[limit.pk], start))


def _opening(limit: Limit, start: date | None) -> dict[str, object]:
    return {
        "scope": BudgetScope(limit.scope),
        "rank": RANKS[LimitScope(limit.scope)],
        "team_id": limit.team_id,
        "person_id": limit.person_id,
        "conversation_id": limit.conversation_id,
        "api_key_id": limit.api_key_id,
        "limit": limit,
        "period_start": start,
        "is_hard": limit.is_hard,
        "granted_nano_usd": limit.amount_nano_usd,
    }


def locked_budgets_from_now_on(limit: Limit, moment: datetime) -> Sequence[Budget]:
    """The budget of the limit's current period, locked, and any of a later one.

    A later one is there when the clock was set back. The caller has locked the limit before it
    asked for the moment, so that no period opens in between.
    """
    budgets = Budget.objects.select_for_update(of=("self",)).filter(limit=limit)
    start = period_start(limit.period, zone_of(limit), moment)
    if start is not None:
        budgets = budgets.filter(period_start__gte=start)
    return list(budgets.order_by("rank", "id"))


def zone_of(limit: Limit) -> str:
    """The name of the zone in which the limit's days begin."""
    return limit.zone or settings.BILLING_ZONE


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


def next_start(period: str, start: date | None) -> date | None:
    """The first day of the period after the one that begins on `start`."""
    if start is None or period == Period.NONE:
        return None
    if period == Period.DAY:
        return start + timedelta(days=1)
    if period == Period.WEEK:
        return start + timedelta(days=7)
    # The 1st plus 31 days is within the next month, whatever the month.
    return (start + timedelta(days=31)).replace(day=1)


def budget_key(limit: Limit, start: date | None) -> str:
    """The key of the budget of a limit's period."""
    return f"limit:{limit.pk}" if start is None else f"limit:{limit.pk}:{start}"


def limit_key(
    scope: str,
    team_id: UUID | None,
    person_id: int | None,
    thing_id: UUID | int | None,
    period: str,
) -> str:
    """Scope, owner and period: an owner has one limit in force for each period. `thing_id` is
    the conversation or the API key."""
    owners = (team_id, person_id, thing_id)
    return ":".join([scope, *(str(each or "") for each in owners), period])
