"""What a team, and one API key of it, has used and may still use."""

from decimal import Decimal

from django.db.models import Q, Sum
from msgspec import Struct

from accounts.models import APIKey
from accounts.policy import Principal
from billing.budgets import budget_of
from billing.prices import default_price, team_prices
from billing.room import rooms_of_keys
from billing.snapshot import snapshot
from billing.usage import Slice, Usage
from billing.zones import zones
from chat.models import Turn, TurnState


class Money(Struct, frozen=True):
    """In nano-USD. `left` is null where nothing bounds it."""

    spent_nano_usd: int
    held_nano_usd: int
    left_nano_usd: int | None


class KeyUsage(Struct, frozen=True):
    """Tokens in and out, of the team: used, and with those that its credit still pays for at the
    price of the answers of `model`. Money: of the team, and of the key."""

    total_usage: int
    total_granted: int | None
    model: str
    team: Money
    key: Money


def key_usage(principal: Principal, model: str) -> KeyUsage:
    """Read what the team and the key of `principal` have used; `model` is what the credit that is
    left is reckoned in. The rights are the caller's to ask."""
    with snapshot():
        used = Usage(zones()[0]).total(Slice(team_id=principal.team_id))
        budget = budget_of(principal.team_id)
        price = team_prices(principal.team_id).get(model) or default_price(principal.team_id)
        key = _money_of_key(principal.api_key_id)
    granted = None
    if price is not None and price.output_nano_usd_per_million > 0:
        left = Decimal(max(0, budget.remaining_nano_usd)) / price.output_nano_usd_per_million
        granted = used.tokens + int(left * 1_000_000)
    return KeyUsage(
        total_usage=used.tokens,
        total_granted=granted,
        model=model,
        team=Money(budget.spent_nano_usd, budget.held_nano_usd, budget.remaining_nano_usd),
        key=key,
    )


def _money_of_key(key_id: int | None) -> Money:
    turns = Turn.objects.filter(api_key_id=key_id).aggregate(
        spent=Sum("cost_nano_usd"), held=Sum("hold_nano_usd", filter=Q(state=TurnState.RUNNING))
    )
    own = APIKey.objects.filter(pk=key_id or 0)
    rooms = rooms_of_keys(own).get(key_id or 0, ())
    return Money(
        turns["spent"] or 0,
        turns["held"] or 0,
        min((room.left_nano_usd for room in rooms if room.is_hard), default=None),
    )
