"""What is refused is refused in exactly these words: people act on them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.models import Team, User
from billing.budgets import check_grant, signup_credit_nano_usd
from billing.errors import (
    AmountInvalid,
    BillingError,
    HoldUnknown,
    MarkupRefused,
    PriceRefused,
    PriceUnknown,
)
from billing.markups import percent_to_basis_points, set_markup
from billing.money import MAX_GRANT_NANO_USD, MAX_NANO_USD, MAX_PRICE_NANO_USD, checked, usd_to_nano
from billing.prices import NewPrice, price_of, set_price
from tests.billing.conftest import give, hold_for, settle_as

PAST = datetime(2020, 1, 1, tzinfo=UTC)
NO_NAME = "A model's name has 1 to 200 characters and no space at its ends."
HALF = "An official price has an input and an output figure."
TOO_DEAR = "A price is at most USD 10,000.00 per million tokens, or for an image."

REFUSED: list[tuple[Callable[[], object], type[BillingError], str]] = [
    (
        lambda: checked(MAX_NANO_USD + 1),
        AmountInvalid,
        "9223372036854775808 nano-USD is beyond what the ledger can hold.",
    ),
    (lambda: usd_to_nano("x"), AmountInvalid, "'x' is not an amount in USD, such as 0.42."),
    (lambda: usd_to_nano("inf"), AmountInvalid, "'inf' is not an amount in USD, such as 0.42."),
    (lambda: usd_to_nano("1e-30"), AmountInvalid, "USD 1e-30 is beyond what the ledger can hold."),
    (lambda: usd_to_nano("1e12"), AmountInvalid, "USD 1e12 is beyond what the ledger can hold."),
    (
        lambda: usd_to_nano("0.0000000001"),
        AmountInvalid,
        "USD 0.0000000001 has more than nine decimal places.",
    ),
    (lambda: check_grant(0), AmountInvalid, "Zero is not an amount to grant."),
    (
        lambda: check_grant(MAX_GRANT_NANO_USD + 1),
        AmountInvalid,
        "At most USD 1,000,000.00 are granted at once.",
    ),
    (
        lambda: percent_to_basis_points("x"),
        MarkupRefused,
        "'x' is not a percentage, such as 12.5.",
    ),
    (
        lambda: percent_to_basis_points("inf"),
        MarkupRefused,
        "'inf' is not a percentage, such as 12.5.",
    ),
    (
        lambda: percent_to_basis_points("1e-30"),
        MarkupRefused,
        "'1e-30' is not a percentage, such as 12.5.",
    ),
    (
        lambda: percent_to_basis_points("12.505"),
        MarkupRefused,
        "A markup has at most two decimal places, such as 12.25.",
    ),
    (
        lambda: set_markup(100_001),
        MarkupRefused,
        "A markup is between -100 and 1,000 percent.",
    ),
    (lambda: set_price("", NewPrice(1, 1)), PriceRefused, NO_NAME),
    (lambda: set_price(" x", NewPrice(1, 1)), PriceRefused, NO_NAME),
    (lambda: set_price("x", NewPrice(1, 1, None, 1)), AmountInvalid, HALF),
    (lambda: set_price("x", NewPrice(1, 1, None, None, 1)), AmountInvalid, HALF),
    (lambda: set_price("x", NewPrice(-1, 1)), AmountInvalid, "A price is not negative."),
    (lambda: set_price("x", NewPrice(MAX_PRICE_NANO_USD + 1, 1)), AmountInvalid, TOO_DEAR),
]


@pytest.mark.parametrize(("asked", "kind", "words"), REFUSED)
def test_a_refusal_says_what_is_wrong(
    db: None, asked: Callable[[], object], kind: type[BillingError], words: str
) -> None:
    with pytest.raises(kind) as refusal:
        asked()
    assert str(refusal.value) == words


def test_a_start_before_turns_that_are_priced_is_refused(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    hold_for(team, alice)
    with pytest.raises(PriceRefused) as refusal:
        set_price(priced, NewPrice(1, 1), PAST)
    assert str(refusal.value) == (
        f"Turns of {priced} since then are priced already, and their price stays. "
        "Let the new price start now or later."
    )
    with pytest.raises(MarkupRefused) as markup_refusal:
        set_markup(1, None, PAST)
    assert str(markup_refusal.value) == (
        "Turns since then are priced already, and their markup stays. "
        "Let the new markup start now or later."
    )


def test_what_nobody_knows_is_named(team: Team, alice: User, settings: Any) -> None:
    for asked in (lambda: price_of("new"), lambda: hold_for(team, alice, model="new")):
        with pytest.raises(PriceUnknown) as refusal:
            asked()
        assert str(refusal.value) == str(PriceUnknown("new"))
        assert "new" in str(refusal.value)
    settings.DEFAULT_PRICE_USD = "10/30"
    with pytest.raises(PriceUnknown) as unnamed:
        hold_for(team, alice, model=" new")
    assert str(unnamed.value) == str(PriceUnknown(" new"))
    with pytest.raises(HoldUnknown) as unheld:
        settle_as("turn:9", 1, 1)
    assert str(unheld.value) == "Nothing is held for turn:9."


def test_a_setting_that_cannot_be_granted_names_itself(settings: Any) -> None:
    settings.SIGNUP_CREDIT_USD = "1000000.000000001"
    with pytest.raises(ImproperlyConfigured) as refusal:
        signup_credit_nano_usd()
    assert str(refusal.value) == (
        "SIGNUP_CREDIT_USD: At most USD 1,000,000.00 are granted at once."
    )
    settings.SIGNUP_CREDIT_USD = "1000000"
    assert signup_credit_nano_usd() == MAX_GRANT_NANO_USD
