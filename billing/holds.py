"""Holds: reserve the worst case of a turn before it is sent to the relay."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import IntegrityError, transaction

from billing import ledger
from billing.budgets import locked_budgets, take, tightest
from billing.costs import (
    AtMost,
    dearest_input,
    dearest_output,
    exact_worst,
    max_tokens_within,
    sold,
)
from billing.errors import UsageInvalid
from billing.limit_words import exhausted
from billing.models import Budget, Hold, HoldBudget
from billing.prices import Terms, terms_for
from billing.spend_alerts import note_spending

MIN_MAX_TOKENS = 256
"""An answer is not shortened below this to fit a budget; a shorter one is refused."""
MAX_TOKENS_OF_A_TURN = 10**9
"""Beyond any model's window; keeps every sum inside 64 bits."""
MAX_IMAGES_OF_A_TURN = 1000


@dataclass(frozen=True)
class HoldPlaced:
    """What was reserved, how many tokens the answer may have for it, and what is pinned: the most
    that a token can cost at the relay, in nano-USD per million, and the team's markup on it."""

    amount_nano_usd: int
    max_tokens: int
    price_version_id: int
    input_nano_usd_per_million: int
    output_nano_usd_per_million: int
    markup_basis_points: int = 0


def place_hold(
    *,
    team_id: UUID,
    person_id: int,
    subject: str,
    model: str,
    prompt_bytes: int,
    max_tokens: int,
    max_images: int = 0,
    conversation_id: UUID | None = None,
    api_key_id: int | None = None,
) -> HoldPlaced:
    """Hold the worst case of a turn in every budget above the person, all or nothing.

    `prompt_bytes` is the prompt's size as UTF-8 (a ceiling of its tokens for byte-level tokenizers)
    with whatever the relay's framing adds. Where the budget is too small for `max_tokens` the
    answer is shortened, to no less than 256 tokens. Runs inside the caller's transaction and pins
    the price and the team's markup. The same subject again returns its first hold. Raises
    PriceUnknown, BudgetExhausted, UsageInvalid.
    """
    at_most = AtMost(prompt_bytes, max_tokens, max_images)
    if not (
        0 <= prompt_bytes <= MAX_TOKENS_OF_A_TURN
        and 1 <= max_tokens <= MAX_TOKENS_OF_A_TURN
        and 0 <= max_images <= MAX_IMAGES_OF_A_TURN
    ):
        raise UsageInvalid
    try:
        with transaction.atomic():
            budgets = locked_budgets(team_id, person_id, conversation_id, api_key_id)
            # Before the price and the money are asked: the first hold may have used up what was
            # left.
            held_before = Hold.objects.filter(subject=subject)
            if held_before.exists():
                return _placed(held_before.get())
            terms = terms_for(model, team_id)
            fitting = _fit(budgets, terms, at_most)
            amount = _worst_case(terms, fitting)
            take(budgets, amount)
            note_spending(budgets, amount)
            transfer = ledger.post_hold(
                team_id=team_id, person_id=person_id, subject=subject, amount_nano_usd=amount
            )
            hold = Hold.objects.create(
                transfer=transfer,
                subject=subject,
                team_id=team_id,
                person_id=person_id,
                model=model,
                price_version=terms.price,
                markup_basis_points=terms.markup_basis_points,
                prompt_bytes=prompt_bytes,
                max_tokens=fitting.max_tokens,
                max_images=max_images,
                amount_nano_usd=amount,
                conversation_id=conversation_id,
                api_key_id=api_key_id,
            )
            HoldBudget.objects.bulk_create(HoldBudget(hold=hold, budget=b) for b in budgets)
    except IntegrityError:
        held_before = Hold.objects.filter(subject=subject)
        if not held_before.exists():
            raise
        return _placed(held_before.get())
    return _placed(hold)


def _placed(hold: Hold) -> HoldPlaced:
    price = hold.price_version
    return HoldPlaced(
        hold.amount_nano_usd,
        hold.max_tokens,
        price.pk,
        dearest_input(price),
        dearest_output(price),
        hold.markup_basis_points,
    )


def _fit(budgets: Sequence[Budget], terms: Terms, at_most: AtMost) -> AtMost:
    least_left = tightest(budgets)
    remaining = least_left.remaining_nano_usd
    fitting = max_tokens_within(remaining, at_most, terms.price, terms.markup_basis_points)
    least = min(at_most.max_tokens, MIN_MAX_TOKENS)
    if fitting < least:
        raise exhausted(least_left, _worst_case(terms, replace(at_most, max_tokens=least)))
    return replace(at_most, max_tokens=fitting)


def _worst_case(terms: Terms, at_most: AtMost) -> int:
    return sold(exact_worst(at_most, terms.price), terms.markup_basis_points)
