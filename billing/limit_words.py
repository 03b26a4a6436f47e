"""What budgets are called, and the refusal that names one."""

from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.errors import BudgetExhausted
from billing.limits import next_start
from billing.models import Budget, LimitScope, Period

CREDIT = "credit"
"""The scope of what a team was given, beside those of limits."""


def budget_name(scope: str, period: str, team: str, key: str = "") -> str:
    """Such as "Your limit in Demo for this month", in the language of the page; `key` names the
    API key to a person who has several."""
    whose = {
        CREDIT: _("The credit of %(team)s"),
        LimitScope.INSTALLATION: _("The limit of this installation"),
        LimitScope.TEAM: _("The limit of %(team)s"),
        LimitScope.PERSON: _("Your limit in %(team)s"),
        LimitScope.CONVERSATION: _("The limit of this conversation"),
        LimitScope.API_KEY: _("The limit of the API key %(key)s")
        if key
        else _("The limit of this API key"),
    }[scope] % {"team": team, "key": key}
    return {
        Period.DAY: _("%(limit)s for today"),
        Period.WEEK: _("%(limit)s for this week"),
        Period.MONTH: _("%(limit)s for this month"),
    }.get(Period(period), "%(limit)s") % {"limit": whose}


def exhausted(budget: Budget, needed_nano_usd: int) -> BudgetExhausted:
    """The refusal that names this budget, what is left in it, and when it starts afresh."""
    limit = budget.limit
    scope = limit.scope if limit else CREDIT
    period = limit.period if limit else Period.NONE
    # Refusals are English, as all that the protocol says; the page has its own words.
    with override("en"):
        name = budget_name(scope, period, budget.team.name if budget.team else "")
    return BudgetExhausted(
        budget.remaining_nano_usd,
        needed_nano_usd,
        name=name,
        scope=scope,
        period=period,
        next_start=next_start(period, budget.period_start),
    )
