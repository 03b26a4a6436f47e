"""Holds: reserve the worst case of a turn before it is sent to the relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from billing import ledger
from billing.budgets import locked_budgets, take
from billing.errors import BudgetExhausted, UsageInvalid
from billing.models import Budget, Hold, HoldBudget, PriceVersion
from billing.money import TOKENS_PER_PRICE, cost_nano_usd
from billing.prices import price_of

MIN_MAX_TOKENS = 256
"""An answer is not shortened below this to fit a budget; a shorter one is refused."""
MAX_TOKENS_OF_A_TURN = 10**9
"""Beyond any model's window; keeps every sum inside 64 bits."""


@dataclass(frozen=True)
class HoldPlaced:
    """What was reserved, how many tokens the answer may have for it, and the pinned price."""

    amount_nano_usd: int
    max_tokens: int
    price_version_id: int
    input_nano_usd_per_million: int
    output_nano_usd_per_million: int


def place_hold(
    *,
    team_id: UUID,
    person_id: int,
    subject: str,
    model: str,
    prompt_bytes: int,
    max_tokens: int,
    conversation_id: UUID | None = None,
) -> HoldPlaced:
    """Hold the worst case of a turn in every budget above the person, all or nothing.

    `prompt_bytes` is the prompt's size as UTF-8 (a ceiling of its tokens for byte-level tokenizers)
    with whatever the relay's framing adds. Where the budget is too small for `max_tokens` the
    answer is shortened, to no less than 256 tokens. Runs inside the caller's transaction and pins
    the price. The same subject again returns its first hold. Raises PriceUnknown, BudgetExhausted,
    UsageInvalid.
    """
    if not (0 <= prompt_bytes <= MAX_TOKENS_OF_A_TURN and 1 <= max_tokens <= MAX_TOKENS_OF_A_TURN):
        raise UsageInvalid
    try:
        with transaction.atomic():
            budgets = locked_budgets(team_id, person_id, conversation_id)
            # Before the price and the money are asked: the first hold may have used up what was
            # left.
            held_before = Hold.objects.filter(subject=subject).first()
            if held_before is not None:
                return _placed(held_before)
            price = price_of(model)
            fitting = _fit(budgets, price, prompt_bytes, max_tokens)
            amount = _worst_case(price, prompt_bytes, fitting)
            take(budgets, amount)
            transfer = ledger.post_hold(
                team_id=team_id, person_id=person_id, subject=subject, amount_nano_usd=amount
            )
            hold = Hold.objects.create(
                transfer=transfer,
                subject=subject,
                team_id=team_id,
                person_id=person_id,
                model=model,
                price_version=price,
                prompt_bytes=prompt_bytes,
                max_tokens=fitting,
                amount_nano_usd=amount,
                conversation_id=conversation_id,
            )
            HoldBudget.objects.bulk_create(HoldBudget(hold=hold, budget=b) for b in budgets)
    except IntegrityError:
        held_before = Hold.objects.filter(subject=subject).first()
        if held_before is None:
            raise
        return _placed(held_before)
    return _placed(hold)


def max_tokens_within(
    remaining_nano_usd: int, price: PriceVersion, prompt_bytes: int, max_tokens: int
) -> int:
    """How many tokens the answer may have for what remains: at most `max_tokens`, maybe below 0."""
    left = remaining_nano_usd * TOKENS_PER_PRICE - prompt_bytes * price.input_nano_usd_per_million
    if price.output_nano_usd_per_million == 0:
        return max_tokens if left >= 0 else -1
    return min(max_tokens, left // price.output_nano_usd_per_million)


def _placed(hold: Hold) -> HoldPlaced:
    price = hold.price_version
    return HoldPlaced(
        hold.amount_nano_usd,
        hold.max_tokens,
        price.pk,
        price.input_nano_usd_per_million,
        price.output_nano_usd_per_million,
    )


def _fit(
    budgets: Sequence[Budget],
    price: PriceVersion,
    prompt_bytes: int,
    max_tokens: int,
) -> int:
    remaining = min(each.remaining_nano_usd for each in budgets if each.is_hard)
    least = min(max_tokens, MIN_MAX_TOKENS)
    fitting = max_tokens_within(remaining, price, prompt_bytes, max_tokens)
    if fitting < least:
        raise BudgetExhausted(remaining, _worst_case(price, prompt_bytes, least))
    return fitting


def _worst_case(price: PriceVersion, prompt_bytes: int, max_tokens: int) -> int:
    return cost_nano_usd(
        prompt_bytes,
        max_tokens,
        price.input_nano_usd_per_million,
        price.output_nano_usd_per_million,
    )
