"""Money is exact: integers in, integers out, rounded up once."""

from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import AmountInvalid
from billing.money import (
    MAX_NANO_USD,
    format_usd,
    nano_to_usd,
    token_cost_nano_usd,
    usd_to_nano,
)
from billing.prices import saving_percent


class Price(NamedTuple):
    """A price without a database."""

    input_nano_usd_per_million: int
    output_nano_usd_per_million: int
    cached_input_nano_usd_per_million: int | None = None


def alike(usd: str) -> Price:
    return Price(usd_to_nano(usd), usd_to_nano(usd))


def test_the_worked_example_comes_out_exactly() -> None:
    cost = token_cost_nano_usd(1_000_000, 500_000, alike("8.00"))
    official = token_cost_nano_usd(1_000_000, 500_000, alike("60.00"))
    assert format_usd(cost) == "USD 12.00"
    assert format_usd(official) == "USD 90.00"
    assert format_usd(official - cost) == "USD 78.00"
    assert saving_percent(cost, official) == Decimal("86.7")


@pytest.mark.parametrize("tokens_in", [0, 1, 3_333_333, 10_000_000])
def test_ten_million_deepseek_tokens_cost_four_dollars_twenty(tokens_in: int) -> None:
    cost = token_cost_nano_usd(tokens_in, 10_000_000 - tokens_in, alike("0.42"))
    assert format_usd(cost) == "USD 4.20"


def test_a_cost_is_rounded_up_once_for_the_whole_turn() -> None:
    a_third = Price(input_nano_usd_per_million=1, output_nano_usd_per_million=1)
    assert token_cost_nano_usd(0, 0, a_third) == 0
    assert token_cost_nano_usd(1, 1, a_third) == 1
    assert token_cost_nano_usd(500_000, 500_000, a_third) == 1
    assert token_cost_nano_usd(500_000, 500_001, a_third) == 2


def test_cached_tokens_cost_their_own_price_where_there_is_one() -> None:
    with_cache = Price(usd_to_nano("8"), usd_to_nano("8"), usd_to_nano("2"))
    assert token_cost_nano_usd(1_000_000, 0, with_cache, 400_000) == usd_to_nano("5.6")
    assert token_cost_nano_usd(1_000_000, 0, alike("8"), 400_000) == usd_to_nano("8")
    assert token_cost_nano_usd(1_000_000, 0, with_cache, 9_000_000) == usd_to_nano("2")


@pytest.mark.parametrize(
    ("usd", "nano"),
    [
        ("0.42", 420_000_000),
        ("12", 12 * 10**9),
        (" 1e3 ", 10**12),
        ("0.000000001", 1),
        ("0.1000000000000", 10**8),
        ("-1.5", -1_500_000_000),
        ("-0", 0),
    ],
)
def test_dollars_become_nano_dollars(usd: str, nano: int) -> None:
    assert usd_to_nano(usd) == nano


@pytest.mark.parametrize(
    "usd",
    ["", "eight", "NaN", "inf", "-Infinity", "0.0000000001", "1e-999999999", "1e999999999", "1,5"],
)
def test_what_cannot_be_kept_exactly_is_refused(usd: str) -> None:
    with pytest.raises(AmountInvalid):
        usd_to_nano(usd)


def test_what_a_column_cannot_hold_is_refused() -> None:
    assert usd_to_nano("9223372036.854775807") == MAX_NANO_USD
    with pytest.raises(AmountInvalid):
        usd_to_nano("9223372036.854775808")
    with pytest.raises(AmountInvalid):
        token_cost_nano_usd(10**12, 0, alike("9000000000"))


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "USD 0.00"),
        (1, "USD 0.000000001"),
        (873_214, "USD 0.000873214"),
        (-1_500_000_000, "-USD 1.50"),
        (1_234_567 * 10**9, "USD 1,234,567.00"),
    ],
)
def test_amounts_are_written_exactly(nano: int, text: str) -> None:
    assert format_usd(nano) == text


@given(st.integers(-MAX_NANO_USD, MAX_NANO_USD))
def test_writing_and_reading_an_amount_gives_it_back(nano: int) -> None:
    text = format_usd(nano).replace("USD ", "").replace(",", "")
    assert usd_to_nano(text) == nano
    assert usd_to_nano(nano_to_usd(nano)) == nano


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_cost_is_the_exact_one_or_less_than_one_unit_above(
    tokens_in: int, tokens_out: int, price_in: int, price_out: int
) -> None:
    exact = Decimal(tokens_in * price_in + tokens_out * price_out) / 10**6
    assert 0 <= token_cost_nano_usd(tokens_in, tokens_out, Price(price_in, price_out)) - exact < 1
