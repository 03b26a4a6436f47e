"""Setting limits, and letting their periods pass."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from accounts.models import Team, User
from billing.limit_setting import NewLimit, set_limit
from billing.limits import budget_key
from billing.models import Budget, Limit, LimitScope, Period
from billing.money import usd_to_nano


def limited(
    usd: str,
    team: Team | None = None,
    person: User | None = None,
    conversation_id: UUID | None = None,
    **facts: Any,
) -> Limit:
    """Limit the conversation, the person, the team or, without any, the installation."""
    scope = LimitScope.TEAM if team else LimitScope.INSTALLATION
    scope = LimitScope.PERSON if person else scope
    scope = LimitScope.CONVERSATION if conversation_id else scope
    return set_limit(
        NewLimit(
            scope=scope,
            amount_nano_usd=usd_to_nano(usd),
            team_id=team.pk if team else None,
            person_id=person.pk if person else None,
            conversation_id=conversation_id,
            **facts,
        )
    )


def newest(limit: Limit) -> Budget:
    """The budget of the limit's latest period."""
    return Budget.objects.filter(limit=limit).latest("period_start")


def a_period_passes() -> None:
    """Make what is every limit's current period the one before it: the clock is the database's."""
    in_force = Budget.objects.filter(limit__ended_at=None).exclude(period_start=None)
    for budget in in_force.order_by("period_start"):
        assert budget.limit is not None
        assert budget.period_start is not None
        if budget.limit.period == Period.MONTH:
            start = (budget.period_start - timedelta(days=1)).replace(day=1)
        else:
            days = 7 if budget.limit.period == Period.WEEK else 1
            start = budget.period_start - timedelta(days=days)
        key = budget_key(budget.limit, start)
        Budget.objects.filter(pk=budget.pk).update(period_start=start, key=key)
