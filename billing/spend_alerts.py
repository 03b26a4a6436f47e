"""Noticing that a budget reaches a share that is warned of: one row each, told later.

The rows are written in the transaction that holds or settles, while the budgets are locked; as long
as no budget is near a share nothing is asked of the database. `billing.alert_delivery` tells them.
"""

from collections.abc import Iterable, Sequence

from billing.models import Budget, SpendAlert

FULL_PERCENT = 100
REST_OF_A_FULL_BUDGET = 1000
"""A hard budget counts as used up when less than this part is left: a hold is shortened to fit, so
that hardly ever nothing remains."""


def note_spending(budgets: Sequence[Budget], more_nano_usd: int) -> None:
    """Write an alert for each share that is reached, once per budget, share and bound.

    `budgets` are locked, and as they were before `more_nano_usd` (below zero where a settlement
    gives back) were taken from each; the `limit` of each is loaded. What is held counts as used.
    """
    reached = [alert for budget in budgets for alert in _reached(budget, more_nano_usd)]
    if not reached:
        return
    known = set(
        SpendAlert.objects.filter(
            budget_id__in={alert.budget_id for alert in reached},
            bound_nano_usd__in={alert.bound_nano_usd for alert in reached},
        ).values_list("budget_id", "percent", "bound_nano_usd")
    )
    new = [each for each in reached if _matter(each) not in known]
    if new:
        SpendAlert.objects.bulk_create(new, ignore_conflicts=True)


def shares_of(budget: Budget) -> set[int]:
    """The percentages at which a budget is warned of; a team's credit: its soft limit and all."""
    if budget.limit is None:
        return {budget.soft_limit_percent, FULL_PERCENT} - {0}
    return percents_in(budget.limit.warn_percents)


def percents_in(text: str) -> set[int]:
    """The percentages of a list such as "80,100", 1 to 100; what is none is left out."""
    parts = (part.strip() for part in text.split(","))
    # More digits are no percentage, and Python refuses to read thousands of them.
    numbers = (int(part) for part in parts if part.isdecimal() and len(part) <= 3)
    return {number for number in numbers if 1 <= number <= FULL_PERCENT}


def _reached(budget: Budget, more_nano_usd: int) -> Iterable[SpendAlert]:
    used_nano_usd = budget.posted_nano_usd + budget.held_nano_usd + more_nano_usd
    bound_nano_usd = budget.granted_nano_usd
    if used_nano_usd <= 0:
        return
    for percent in sorted(shares_of(budget)):
        least_hundredths = bound_nano_usd * percent
        if percent == FULL_PERCENT and budget.is_hard:
            least_hundredths -= bound_nano_usd * FULL_PERCENT // REST_OF_A_FULL_BUDGET
        if used_nano_usd * 100 >= least_hundredths:
            yield SpendAlert(
                budget=budget,
                percent=percent,
                used_nano_usd=used_nano_usd,
                bound_nano_usd=bound_nano_usd,
            )


def _matter(alert: SpendAlert) -> tuple[int, int, int]:
    return alert.budget_id, alert.percent, alert.bound_nano_usd
