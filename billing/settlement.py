"""Settlement: what a turn really cost, captured exactly once; the rest of its hold goes back."""

from dataclasses import dataclass
from datetime import UTC

from django.db import transaction

from billing import ledger
from billing.budgets import give_back, locked_budgets_of
from billing.costs import Costs, Counts, Used, costs, exact_cost, sold
from billing.errors import HoldUnknown, UsageInvalid
from billing.holds import MAX_IMAGES_OF_A_TURN, MAX_TOKENS_OF_A_TURN
from billing.models import Hold, PriceVersion, Quality, Settlement
from billing.money import cost_nano_usd
from billing.spend_alerts import note_spending

__all__ = ["Quality", "Settled", "cost_of", "costs_of", "official_cost", "settle"]


@dataclass(frozen=True)
class Settled:
    """What was settled: the team's cost, and the relay's without the markup.

    `official_cost_nano_usd` is None where the model has no official price.
    """

    cost_nano_usd: int
    official_cost_nano_usd: int | None
    quality: Quality
    overrun: bool = False
    relay_cost_nano_usd: int = 0


def settle(
    *,
    subject: str,
    prompt_tokens: int,
    completion_tokens: int,
    cached_tokens: int | None,
    reasoning_tokens: int | None,
    quality: Quality,
    outcome: str,
    images: int = 0,
    route: str = "",
) -> Settled:
    """Capture the team's cost of a turn and release the rest of its hold, once per subject.

    A second call returns what the first one settled and changes nothing. `reasoning_tokens` are
    part of `completion_tokens`; `cached_tokens` of `prompt_tokens`. Zero tokens release the hold in
    full. `outcome` is the turn's state, `route` the name of the relay that the answer came from.
    Raises HoldUnknown, and UsageInvalid for a count below 0 or beyond 1,000,000,000, or 1,000
    images: what a relay reports is judged by the caller before it becomes money.
    """
    for count in (prompt_tokens, completion_tokens, cached_tokens or 0, reasoning_tokens or 0):
        if not 0 <= count <= MAX_TOKENS_OF_A_TURN:
            raise UsageInvalid
    if not 0 <= images <= MAX_IMAGES_OF_A_TURN:
        raise UsageInvalid
    used = Used(prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, images)
    with transaction.atomic():
        hold = (
            Hold.objects.select_related("transfer", "price_version").filter(subject=subject).first()
        )
        if hold is None:
            raise HoldUnknown(f"Nothing is held for {subject}.")
        # Locking the budgets makes rivals wait here, so the look at the settlement below is
        # decisive.
        budgets = locked_budgets_of(hold)
        settled_before = Settlement.objects.filter(subject=subject)
        if settled_before.exists():
            return _settled(settled_before.get())
        both = costs_of(used, hold, quality)
        cost = both.cost_nano_usd
        give_back(budgets, hold.amount_nano_usd, cost)
        note_spending(budgets, cost - hold.amount_nano_usd)
        # Its transfers' moment too, or a turn at midnight would be of two days.
        moment = ledger.post_settlement(hold, cost)
        return _settled(
            Settlement.objects.create(
                subject=subject,
                hold=hold,
                team_id=hold.team_id,
                person_id=hold.person_id,
                model=hold.model,
                price_version_id=hold.price_version_id,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                cached_tokens=cached_tokens,
                reasoning_tokens=reasoning_tokens,
                images=images,
                cost_nano_usd=cost,
                relay_cost_nano_usd=both.relay_cost_nano_usd,
                official_cost_nano_usd=official_cost(
                    hold.price_version, prompt_tokens, completion_tokens
                ),
                quality=quality,
                outcome=outcome,
                route=route[:100],
                conversation_id=hold.conversation_id,
                overrun=cost > hold.amount_nano_usd,
                day=moment.astimezone(UTC).date(),
                created_at=moment,
            )
        )


def cost_of(
    price_version_id: int,
    prompt_tokens: int,
    completion_tokens: int,
    cached_tokens: int | None = None,
    reasoning_tokens: int | None = None,
    *,
    markup_basis_points: int = 0,
) -> int:
    """What these tokens cost at a pinned price, in nano-USD: for showing, it settles nothing."""
    version = PriceVersion.objects.get(pk=price_version_id)
    used = Used(prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens)
    return sold(exact_cost(used, version), markup_basis_points)


def costs_of(used: Counts, hold: Hold, quality: str) -> Costs:
    """What a turn costs by its hold's price and markup; an estimate no more than was held."""
    estimated = quality == Quality.ESTIMATED
    at_most = hold if estimated else None
    return costs(used, hold.price_version, hold.markup_basis_points, at_most=at_most)


def official_cost(version: PriceVersion, prompt_tokens: int, completion_tokens: int) -> int | None:
    """What these tokens cost at the maker's price, in nano-USD; None where none is known."""
    price_in = version.official_input_nano_usd_per_million
    price_out = version.official_output_nano_usd_per_million
    if price_in is None or price_out is None:
        return None
    return cost_nano_usd(prompt_tokens, completion_tokens, price_in, price_out)


def _settled(row: Settlement) -> Settled:
    return Settled(
        row.cost_nano_usd,
        row.official_cost_nano_usd,
        Quality(row.quality),
        row.overrun,
        row.relay_cost_nano_usd,
    )
