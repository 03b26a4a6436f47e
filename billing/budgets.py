"""Budgets: reading them, taking holds from them, giving teams credit."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from billing import ledger
from billing.dialects import in_each, marks
from billing.errors import AmountInvalid
from billing.limit_words import exhausted
from billing.limits import RANKS, current_budgets, limits_above
from billing.models import Budget, BudgetScope, Hold, Limit, LimitScope, Transfer
from billing.money import MAX_GRANT_NANO_USD, checked, format_usd, usd_to_nano

_LOCKED = in_each("SELECT * FROM billing_budget WHERE {which} ORDER BY rank, id {for_update}")
_TAKE = """
UPDATE billing_budget SET held_nano_usd = held_nano_usd + %s
WHERE id IN ({ids})
    AND (NOT is_hard OR granted_nano_usd - posted_nano_usd - held_nano_usd >= %s)
"""
_GIVE_BACK = """
UPDATE billing_budget SET
    held_nano_usd = held_nano_usd - %s,
    posted_nano_usd = posted_nano_usd + %s
WHERE id IN ({ids})
"""


@dataclass(frozen=True)
class BudgetView:
    """A team's own budget in nano-USD."""

    granted_nano_usd: int
    spent_nano_usd: int
    held_nano_usd: int
    remaining_nano_usd: int
    soft_limit_percent: int


def budget_of(team_id: UUID) -> BudgetView:
    """The budget of a team; all zero for a team that never had credit."""
    budget = Budget.objects.filter(key=team_key(team_id)).first() or Budget()
    return BudgetView(
        granted_nano_usd=budget.granted_nano_usd,
        spent_nano_usd=budget.posted_nano_usd,
        held_nano_usd=budget.held_nano_usd,
        remaining_nano_usd=budget.remaining_nano_usd,
        soft_limit_percent=budget.soft_limit_percent,
    )


def team_key(team_id: UUID) -> str:
    """The key of a team's own budget."""
    return f"team:{team_id}"


def locked_budgets(
    team_id: UUID,
    person_id: int,
    conversation_id: UUID | None = None,
    api_key_id: int | None = None,
) -> list[Budget]:
    """Every budget above this person in this team, locked in the fixed order until commit: the
    team's credit, and the current period of each limit that applies.

    The team's own is among them, empty where nothing was ever granted: a free model may run on it.
    """
    own = team_key(team_id)
    limits = limits_above(team_id, person_id, conversation_id, api_key_id)
    keys, own_is_missing = current_budgets(limits, own)
    keys.append(own)
    if own_is_missing:
        # Before any is locked: whoever had locked a person's and then this one would wait for those
        # who lock in the right order, and they for it.
        _opened_team_budget(team_id)
    which = f"key IN ({marks(len(keys))})"
    budgets = _locked(which, keys)
    if len(budgets) < len(keys):
        # It is the only one then.
        _locked_team_budget(team_id)
        budgets = _locked(which, keys)
    return budgets


def locked_budgets_of(hold: Hold) -> list[Budget]:
    """The budgets that a hold was taken from, locked in the same order."""
    return _locked("id IN (SELECT budget_id FROM billing_holdbudget WHERE hold_id = %s)", [hold.pk])


def _locked(which: str, values: Sequence[object]) -> list[Budget]:
    statement = _LOCKED[connection.vendor].replace("{which}", which)
    budgets = list(Budget.objects.raw(statement, values))
    limits = Limit.objects.in_bulk({each.limit_id for each in budgets if each.limit_id is not None})
    for budget in budgets:
        if budget.limit_id is not None:
            budget.limit = limits[budget.limit_id]
    return budgets


def tightest(budgets: Sequence[Budget]) -> Budget:
    """The hard budget that has least left; a team's credit is always among them."""
    hard = (budget for budget in budgets if budget.is_hard)
    return min(hard, key=lambda budget: budget.remaining_nano_usd)


def take(budgets: Sequence[Budget], amount_nano_usd: int) -> None:
    """Hold the amount in every budget, or raise BudgetExhausted; the caller rolls back. What is
    not hard takes any amount.

    The update is conditional although the rows are locked: the database decides, not what we read.
    """
    ids = [budget.pk for budget in budgets]
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.replace("{ids}", marks(len(ids))), [amount_nano_usd, *ids, amount_nano_usd]
        )
        taken = cursor.rowcount
    if taken < len(budgets):
        raise exhausted(tightest(budgets), amount_nano_usd)


def give_back(budgets: Sequence[Budget], held_nano_usd: int, cost_nano_usd: int) -> None:
    """Turn a hold into its cost in every budget it came from. The caller has locked them."""
    ids = [budget.pk for budget in budgets]
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_BACK.replace("{ids}", marks(len(ids))), [held_nano_usd, cost_nano_usd, *ids]
        )


def grant_credit(
    *,
    team_id: UUID,
    amount_nano_usd: int,
    person_id: int | None = None,
    note: str = "",
    idempotency_key: str = "",
) -> Transfer:
    """Give a team credit, or take some back with a negative amount, once per idempotency key.

    Returns the transfer; with a known key, the one made before. AmountInvalid as `check_grant`, and
    where the team's credit would be beyond what the ledger can hold.
    """
    check_grant(amount_nano_usd)
    key = f"grant:{idempotency_key or uuid4()}"
    granted_before = Transfer.objects.filter(idempotency_key=key)
    try:
        with transaction.atomic():
            budget = _locked_team_budget(team_id)
            if (before := granted_before.first()) is not None:
                return before
            # SQLite would make it a float in silence.
            checked(budget.granted_nano_usd + amount_nano_usd)
            Budget.objects.filter(pk=budget.pk).update(
                granted_nano_usd=F("granted_nano_usd") + amount_nano_usd
            )
            return ledger.post_credit(
                team_id=team_id,
                amount_nano_usd=amount_nano_usd,
                person_id=person_id,
                key=key,
                note=note,
            )
    except IntegrityError:
        # The key was used for another team at the same time: their budgets do not wait for each
        # other.
        if (before := granted_before.first()) is None:
            raise
        return before


def check_grant(amount_nano_usd: int) -> None:
    """Raise AmountInvalid for zero, and for more credit than is given at once."""
    if not amount_nano_usd:
        raise AmountInvalid("Zero is not an amount to grant.")
    if abs(amount_nano_usd) > MAX_GRANT_NANO_USD:
        raise AmountInvalid(
            "At most %(amount)s are granted at once.", amount=format_usd(MAX_GRANT_NANO_USD)
        )


def signup_credit_nano_usd() -> int:
    """The setting SIGNUP_CREDIT_USD. Raises ImproperlyConfigured where it cannot be granted."""
    try:
        amount_nano_usd = usd_to_nano(settings.SIGNUP_CREDIT_USD)
        if amount_nano_usd:
            check_grant(amount_nano_usd)
        return amount_nano_usd
    except AmountInvalid as error:
        raise ImproperlyConfigured(f"SIGNUP_CREDIT_USD: {error}") from error


def grant_signup_credit(team_id: UUID) -> None:
    """Give a new team the credit of SIGNUP_CREDIT_USD (5 as the relay does; 0: none), once."""
    amount_nano_usd = signup_credit_nano_usd()
    if amount_nano_usd > 0:
        grant_credit(
            team_id=team_id,
            amount_nano_usd=amount_nano_usd,
            note="Sign-up credit",
            idempotency_key=f"signup:{team_id}",
        )


def _locked_team_budget(team_id: UUID) -> Budget:
    return Budget.objects.select_for_update().get(key=_opened_team_budget(team_id))


def _opened_team_budget(team_id: UUID) -> str:
    """The key of a team's own budget, which is there afterwards."""
    key = team_key(team_id)
    Budget.objects.get_or_create(
        key=key,
        defaults={"scope": BudgetScope.TEAM, "rank": RANKS[LimitScope.TEAM], "team_id": team_id},
    )
    return key
