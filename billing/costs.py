"""What a turn costs: at the relay, and for the team with its markup. Pure, and rounded up once.

An *exact* amount is in millionths of a nano-USD, as tokens times a price per million tokens are.
"""

from dataclasses import dataclass
from typing import Protocol

from billing.money import BASIS_POINTS, TOKENS_PER_PRICE, Rates, ceil_div, checked


class Counts(Protocol):
    """What a turn used: a settlement, or what is to become one."""

    @property
    def prompt_tokens(self) -> int:
        """Tokens in."""

    @property
    def completion_tokens(self) -> int:
        """Tokens out, those of reasoning among them."""

    @property
    def cached_tokens(self) -> int | None:
        """Those of the tokens in that the relay had cached."""

    @property
    def reasoning_tokens(self) -> int | None:
        """Those of the tokens out that were reasoning."""

    @property
    def images(self) -> int:
        """Images made."""


@dataclass(frozen=True, slots=True)
class Used:
    """Counts of a turn."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    images: int = 0


class Bounds(Protocol):
    """The most a turn may use: a hold, or what is to become one."""

    @property
    def prompt_bytes(self) -> int:
        """The prompt's size, a ceiling of its tokens."""

    @property
    def max_tokens(self) -> int:
        """The most tokens the answer may have."""

    @property
    def max_images(self) -> int:
        """The most images it may have."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """The most a turn may use."""

    prompt_bytes: int
    max_tokens: int
    max_images: int = 0


@dataclass(frozen=True, slots=True)
class Costs:
    """What the team pays and what the relay asks for it, in nano-USD."""

    cost_nano_usd: int
    relay_cost_nano_usd: int


def exact_cost(used: Counts, price: Rates) -> int:
    """What was used at the relay's price.

    More cached tokens than tokens in count as all of them, and so do more tokens of reasoning than
    tokens out. Either cost what the others cost where the price has no figure for them.
    """
    cached_price, reasoning_price = _cached_price(price), _reasoning_price(price)
    cached = min(used.cached_tokens or 0, used.prompt_tokens)
    reasoning = min(used.reasoning_tokens or 0, used.completion_tokens)
    return (
        (used.prompt_tokens - cached) * price.input_nano_usd_per_million
        + cached * cached_price
        + (used.completion_tokens - reasoning) * price.output_nano_usd_per_million
        + reasoning * reasoning_price
        + used.images * (price.image_nano_usd or 0) * TOKENS_PER_PRICE
    )


def exact_worst(at_most: Bounds, price: Rates) -> int:
    """The most that a turn within these bounds can cost at the relay's price."""
    return (
        at_most.prompt_bytes * dearest_input(price)
        + at_most.max_tokens * dearest_output(price)
        + at_most.max_images * (price.image_nano_usd or 0) * TOKENS_PER_PRICE
    )


def dearest_input(price: Rates) -> int:
    """The most that a token of the prompt can cost, in nano-USD per million."""
    return max(price.input_nano_usd_per_million, _cached_price(price))


def dearest_output(price: Rates) -> int:
    """The most that a token of the answer can cost, in nano-USD per million."""
    return max(price.output_nano_usd_per_million, _reasoning_price(price))


def sold(exact: int, markup_basis_points: int = 0) -> int:
    """An exact amount with a markup, in nano-USD, rounded up once."""
    factor = BASIS_POINTS + markup_basis_points
    return checked(ceil_div(exact * factor, TOKENS_PER_PRICE * BASIS_POINTS))


def costs(
    used: Counts,
    price: Rates,
    markup_basis_points: int = 0,
    *,
    at_most: Bounds | None = None,
) -> Costs:
    """What a turn costs. Our own count is never a reason to charge beyond what was held: an
    estimate costs no more than the worst `at_most`."""
    exact = exact_cost(used, price)
    if at_most is not None:
        exact = min(exact, exact_worst(at_most, price))
    return Costs(sold(exact, markup_basis_points), sold(exact))


def max_tokens_within(
    remaining_nano_usd: int, at_most: Bounds, price: Rates, markup_basis_points: int = 0
) -> int:
    """How many tokens the answer may have for what remains: at most those of `at_most`, maybe below
    0."""
    factor = BASIS_POINTS + markup_basis_points
    besides = exact_worst(AtMost(at_most.prompt_bytes, 0, at_most.max_images), price)
    left = remaining_nano_usd * TOKENS_PER_PRICE * BASIS_POINTS - besides * factor
    a_token = dearest_output(price) * factor
    if a_token == 0:
        return at_most.max_tokens if left >= 0 else -1
    return min(at_most.max_tokens, left // a_token)


def _cached_price(price: Rates) -> int:
    figure = price.cached_input_nano_usd_per_million
    return price.input_nano_usd_per_million if figure is None else figure


def _reasoning_price(price: Rates) -> int:
    figure = price.reasoning_nano_usd_per_million
    return price.output_nano_usd_per_million if figure is None else figure
