"""What a team pays for tokens before it is known of what sort they will be."""

from dataclasses import dataclass
from uuid import UUID

from billing.money import TOKENS_PER_PRICE, cost_nano_usd
from billing.prices import default_price, team_prices


@dataclass(frozen=True, slots=True)
class SellingRates:
    """What a team pays, in nano-USD per million tokens. How much of a prompt is cached and how much
    of an answer is reasoning nobody knows before: so there is a least and a most."""

    input_nano_usd: int
    most_input_nano_usd: int
    least_output_nano_usd: int
    most_output_nano_usd: int

    def least(self, tokens_in: int, tokens_out: int) -> int:
        """What so many tokens cost, in nano-USD, if none of the answer is of the dearer sort."""
        return cost_nano_usd(tokens_in, tokens_out, self.input_nano_usd, self.least_output_nano_usd)

    def most(self, tokens_in: int, tokens_out: int) -> int:
        """What they cost if all of the answer is."""
        return cost_nano_usd(tokens_in, tokens_out, self.input_nano_usd, self.most_output_nano_usd)

    def worst(self, tokens_in: int, tokens_out: int) -> int:
        """The most that they can cost at all."""
        return cost_nano_usd(
            tokens_in, tokens_out, self.most_input_nano_usd, self.most_output_nano_usd
        )

    def longest(self, left_nano_usd: int, tokens_in: int, max_tokens: int) -> int:
        """How long an answer what is left pays for: at most `max_tokens`, maybe below 0."""
        left = left_nano_usd * TOKENS_PER_PRICE - tokens_in * self.most_input_nano_usd
        if self.most_output_nano_usd == 0:
            return max_tokens if left >= 0 else -1
        return min(max_tokens, left // self.most_output_nano_usd)


class Selling:
    """What a team pays, by model."""

    def __init__(self, team_id: UUID) -> None:
        self.team_id = team_id
        self._prices = team_prices(team_id)
        self._others = default_price(team_id)

    def of(self, model: str) -> SellingRates | None:
        """The rates of a model, if it can be sold."""
        price = self._prices.get(model, self._others)
        if price is None:
            return None
        input, output = price.input_nano_usd_per_million, price.output_nano_usd_per_million
        cached, reasoning = (
            price.cached_input_nano_usd_per_million,
            price.reasoning_nano_usd_per_million,
        )
        either = output if reasoning is None else reasoning
        return SellingRates(
            input, max(input, cached or 0), min(output, either), max(output, either)
        )
