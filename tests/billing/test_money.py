"""Money is exact: what people write and what is kept are the same amount."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import AmountInvalid
from billing.money import (
    MAX_NANO_USD,
    checked,
    format_usd,
    nano_to_usd,
    usd_to_nano,
)


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
        checked(MAX_NANO_USD + 1)


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
