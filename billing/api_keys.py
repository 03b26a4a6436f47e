"""API keys with budgets of their own: made together, and the budget changed later.

Here and not with accounts, which know no money: a key and its limit are made in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import APIKey, Team, User
from accounts.policy import Forbidden, Principal, require
from accounts.roles import API_KEY_CAPABILITIES, Capability
from accounts.services.audit import Actor
from accounts.services.keys import NewKey, create_api_key
from accounts.services.visible_keys import own_key
from billing.errors import KeyBudgetOfOthers, LimitExists
from billing.limit_setting import NewLimit, change_limit, check_amount, end_limit, set_limit
from billing.limits import limit_key
from billing.models import Limit, LimitScope, Period


@dataclass(frozen=True, slots=True)
class KeyBudget:
    """What a key may spend, in nano-USD, each period."""

    amount_nano_usd: int
    period: Period = Period.MONTH


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A key to make. No models: all. No budget of its own: whatever the budgets above it allow."""

    name: str
    scopes: frozenset[Capability] = API_KEY_CAPABILITIES
    model_names: Sequence[str] = ()
    budget: KeyBudget | None = None
    expires_at: datetime | None = None


def make_key(
    person: User, team: Team, wish: KeyWish, *, prefix: str = "", actor: Actor | None = None
) -> NewKey:
    """Make a key and its budget, both or nothing. Asks no policy: an operator's command may.

    Raises as `create_api_key`, and AmountInvalid.
    """
    if wish.budget is not None:
        check_amount(wish.budget.amount_nano_usd)
    with transaction.atomic():
        made = create_api_key(
            person,
            team,
            wish.name,
            scopes=wish.scopes,
            model_names=wish.model_names,
            expires_at=wish.expires_at,
            prefix=prefix,
            actor=actor,
        )
        if wish.budget is not None:
            _set(made.key, wish.budget, actor)
    return made


def make_own_key(
    principal: Principal, team_id: UUID, wish: KeyWish, *, prefix: str = "", actor: Actor | None
) -> NewKey:
    """Make a key for whoever asks, in a team where she may make keys; a key makes no keys.

    Raises NotVisible, Forbidden, and as `make_key`.
    """
    require(principal, Capability.CREATE_API_KEY, team_id)
    if principal.via != "session":
        raise Forbidden
    person, team = User.objects.get(pk=principal.user_id), Team.objects.get(pk=team_id)
    return make_key(person, team, wish, prefix=prefix, actor=actor)


def budget_of_key(key: APIKey) -> KeyBudget | None:
    """The budget that its person gave a key; None where she gave none."""
    limit = _own(key).first()
    return None if limit is None else KeyBudget(limit.amount_nano_usd, Period(limit.period))


def change_key_budget(
    principal: Principal, key_id: int, budget: KeyBudget | None, *, actor: Actor | None
) -> None:
    """Give a key of one's own another budget, or none. With another amount what was spent in this
    period counts on; with another period it counts from now. What somebody else has set stays.

    Raises NotVisible, KeyDead, AmountInvalid, KeyBudgetOfOthers.
    """
    key = own_key(principal, key_id)
    with transaction.atomic():
        # One change after the other; turns that name the key do not wait for it.
        list(APIKey.objects.select_for_update(no_key=True).filter(pk=key.pk).values("pk"))
        stays = None
        for limit in _own(key):
            if budget is not None and limit.period == budget.period:
                stays = limit
            else:
                end_limit(limit.pk, actor=actor)
        if budget is not None and stays is not None:
            change_limit(stays.pk, amount_nano_usd=budget.amount_nano_usd, actor=actor)
        elif budget is not None:
            _set(key, budget, actor)


def _own(key: APIKey) -> QuerySet[Limit]:
    """The limits of a key that its person set, or a command did."""
    keys = [limit_key(LimitScope.API_KEY, key.team_id, None, key.pk, each) for each in Period]
    by_herself = Q(created_by=None) | Q(created_by=key.user_id)
    return Limit.objects.filter(by_herself, key__in=keys, ended_at=None).order_by("id")


def _set(key: APIKey, budget: KeyBudget, actor: Actor | None) -> None:
    try:
        set_limit(
            NewLimit(
                scope=LimitScope.API_KEY,
                amount_nano_usd=budget.amount_nano_usd,
                team_id=key.team_id,
                api_key_id=key.pk,
                period=budget.period,
            ),
            actor=actor,
        )
    except LimitExists:
        raise KeyBudgetOfOthers from None
