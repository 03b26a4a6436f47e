"""What a turn costs: exact, rounded up once, at the relay and with the team's markup."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.costs import AtMost, Used, costs, exact_cost, exact_worst, max_tokens_within, sold
from billing.errors import AmountInvalid
from billing.money import MAX_PRICE_NANO_USD, format_usd, usd_to_nano
from billing.prices import NewPrice, saving_percent

COUNTS = st.integers(0, 10**7)
FIGURES = st.integers(0, MAX_PRICE_NANO_USD)
MAYBE = st.none() | FIGURES
PRICES = st.builds(
    NewPrice,
    FIGURES,
    FIGURES,
    cached_input_nano_usd_per_million=MAYBE,
    reasoning_nano_usd_per_million=MAYBE,
    image_nano_usd=MAYBE,
)
USED = st.builds(Used, COUNTS, COUNTS, st.none() | COUNTS, st.none() | COUNTS, st.integers(0, 50))
MARKUPS = st.integers(-10_000, 100_000)


def alike(usd: str, **figures: int) -> NewPrice:
    return NewPrice(usd_to_nano(usd), usd_to_nano(usd), **figures)


def cost(used: Used, price: NewPrice, markup_basis_points: int = 0) -> int:
    return costs(used, price, markup_basis_points).cost_nano_usd


def test_the_worked_example_comes_out_exactly() -> None:
    paid = cost(Used(1_000_000, 500_000), alike("8.00"))
    official = cost(Used(1_000_000, 500_000), alike("60.00"))
    assert format_usd(paid) == "USD 12.00"
    assert format_usd(official) == "USD 90.00"
    assert format_usd(official - paid) == "USD 78.00"
    assert saving_percent(paid, official) == Decimal("86.7")


@pytest.mark.parametrize("tokens_in", [0, 1, 3_333_333, 10_000_000])
def test_ten_million_deepseek_tokens_cost_four_dollars_twenty(tokens_in: int) -> None:
    assert format_usd(cost(Used(tokens_in, 10_000_000 - tokens_in), alike("0.42"))) == "USD 4.20"


def test_a_markup_of_an_eighth_on_the_worked_example_is_thirteen_fifty() -> None:
    both = costs(Used(1_000_000, 500_000), alike("8.00"), 1250)
    assert format_usd(both.cost_nano_usd) == "USD 13.50"
    assert format_usd(both.relay_cost_nano_usd) == "USD 12.00"


def test_a_cost_is_rounded_up_once_for_the_whole_turn() -> None:
    a_third = NewPrice(1, 1)
    assert cost(Used(0, 0), a_third) == 0
    assert cost(Used(1, 1), a_third) == 1
    assert cost(Used(500_000, 500_000), a_third) == 1
    assert cost(Used(500_000, 500_001), a_third) == 2


def test_the_markup_is_put_on_before_the_one_rounding() -> None:
    # Half a nano-USD at the relay: rounded first it would be 1, and twice that 2.
    both = costs(Used(500_000, 0), NewPrice(1, 1), 10_000)
    assert (both.relay_cost_nano_usd, both.cost_nano_usd) == (1, 1)


def test_cached_tokens_cost_their_own_price_where_there_is_one() -> None:
    with_cache = alike("8", cached_input_nano_usd_per_million=usd_to_nano("2"))
    assert cost(Used(1_000_000, 0, 400_000), with_cache) == usd_to_nano("5.6")
    assert cost(Used(1_000_000, 0, 400_000), alike("8")) == usd_to_nano("8")
    assert cost(Used(1_000_000, 0, 9_000_000), with_cache) == usd_to_nano("2")


def test_tokens_of_reasoning_cost_their_own_price_and_are_part_of_the_answer() -> None:
    dear = alike("8", reasoning_nano_usd_per_million=usd_to_nano("20"))
    assert cost(Used(0, 1_000_000, None, 250_000), dear) == usd_to_nano("11")
    assert cost(Used(0, 1_000_000, None, 250_000), alike("8")) == usd_to_nano("8")
    assert cost(Used(0, 1_000_000, None, 9_000_000), dear) == usd_to_nano("20")
    assert cost(Used(0, 1_000_000), dear) == usd_to_nano("8")


def test_images_cost_each() -> None:
    painter = alike("8", image_nano_usd=usd_to_nano("0.04"))
    assert cost(Used(0, 0, images=3), painter) == usd_to_nano("0.12")
    assert cost(Used(0, 0, images=3), painter, 1000) == usd_to_nano("0.132")
    assert cost(Used(0, 0, images=3), alike("8")) == 0


def test_what_a_column_cannot_hold_is_refused() -> None:
    with pytest.raises(AmountInvalid):
        cost(Used(10**12, 0), alike("9000"), 100_000)


@given(USED, PRICES, MARKUPS)
def test_either_cost_is_the_exact_one_or_less_than_one_unit_above(
    used: Used, price: NewPrice, markup: int
) -> None:
    both = costs(used, price, markup)
    exact = Fraction(exact_cost(used, price), 10**6)
    assert 0 <= both.relay_cost_nano_usd - exact < 1
    assert 0 <= both.cost_nano_usd - exact * (10_000 + markup) / 10_000 < 1


@given(USED, PRICES, MARKUPS, st.integers(1, 1000))
def test_no_count_that_grows_makes_a_turn_cheaper(
    used: Used, price: NewPrice, markup: int, more: int
) -> None:
    grown: list[dict[str, Any]] = [
        {"prompt_tokens": used.prompt_tokens + more},
        {"completion_tokens": used.completion_tokens + more},
        {"images": used.images + more},
    ]
    values = {name: getattr(used, name) for name in Used.__dataclass_fields__}
    for change in grown:
        assert cost(Used(**(values | change)), price, markup) >= cost(used, price, markup)


@given(USED, PRICES, MARKUPS, MARKUPS)
def test_a_higher_markup_never_costs_less_and_none_changes_nothing(
    used: Used, price: NewPrice, one: int, other: int
) -> None:
    low, high = sorted((one, other))
    assert cost(used, price, low) <= cost(used, price, high)
    none = costs(used, price)
    assert none.cost_nano_usd == none.relay_cost_nano_usd
    assert cost(used, price, -10_000) == 0
    assert cost(used, price, 10_000) in (2 * none.cost_nano_usd, 2 * none.cost_nano_usd - 1)


@given(PRICES, MARKUPS, st.data())
def test_a_hold_covers_whatever_is_used_within_its_limits(
    price: NewPrice, markup: int, data: Any
) -> None:
    limits = AtMost(data.draw(COUNTS), data.draw(COUNTS), data.draw(st.integers(0, 50)))
    used = Used(
        data.draw(st.integers(0, limits.prompt_bytes)),
        data.draw(st.integers(0, limits.max_tokens)),
        data.draw(st.none() | COUNTS),
        data.draw(st.none() | COUNTS),
        data.draw(st.integers(0, limits.max_images)),
    )
    held = sold(exact_worst(limits, price), markup)
    assert cost(used, price, markup) <= held
    assert costs(used, price, markup, at_most=limits) == costs(used, price, markup)


@given(USED, PRICES, MARKUPS)
def test_an_estimate_beyond_the_limits_costs_the_hold(
    used: Used, price: NewPrice, markup: int
) -> None:
    limits = AtMost(100, 100)
    capped = costs(used, price, markup, at_most=limits)
    held = sold(exact_worst(limits, price), markup)
    assert capped.cost_nano_usd == min(cost(used, price, markup), held)


@given(PRICES, MARKUPS, st.integers(0, 10**15), COUNTS)
def test_an_answer_is_as_long_as_the_money_allows_and_not_a_token_longer(
    price: NewPrice, markup: int, remaining: int, prompt_bytes: int
) -> None:
    most = AtMost(prompt_bytes, 10**7)
    fitting = max_tokens_within(remaining, most, price, markup)
    assert fitting <= most.max_tokens

    def held(tokens: int) -> int:
        return sold(exact_worst(AtMost(prompt_bytes, tokens), price), markup)

    if fitting >= 0:
        assert held(fitting) <= remaining
    if -1 <= fitting < most.max_tokens:
        assert held(fitting + 1) > remaining
