"""Prices and credit to start with: for the demo, and for an installation at its default relay."""

from collections.abc import Iterable
from uuid import UUID

from billing.budgets import grant_credit
from billing.models import PriceVersion
from billing.money import usd_to_nano
from billing.prices import NewPrice, set_price

RELAY_PRICES = (
    ("gpt-4.1", "8.00", "60.00"),
    ("claude-sonnet-4.5", "15.00", "90.00"),
    ("gemini-2.5-flash", "2.50", "10.00"),
    ("deepseek-v3.2", "0.42", "1.20"),
    ("deepseek-chat", "0.42", "1.20"),
)
"""Model, the default relay's price and the official one, USD per million tokens, input and output
alike, as the relay's documents state them; where they differ on the official price, the first."""

LOCAL_PRICES = (("smollm2-135m", "0.02", None),)
"""The local model costs nothing; a small price lets the demo show what money does."""

DEMO_CREDIT_USD = "5"
"""The default relay's sign-up credit."""


def seed_prices() -> None:
    """Set the prices above for the models that have none."""
    for model, relay_usd, official_usd in (*RELAY_PRICES, *LOCAL_PRICES):
        if PriceVersion.objects.filter(model=model).exists():
            continue
        relay = usd_to_nano(relay_usd)
        official = usd_to_nano(official_usd) if official_usd else None
        set_price(model, NewPrice(relay, relay, None, official, official))


def seed_demo_billing(team_ids: Iterable[UUID]) -> None:
    """Prices, and USD 5 of credit for each team that has had no sign-up credit. Repeatable."""
    seed_prices()
    for team_id in team_ids:
        grant_credit(
            team_id=team_id,
            amount_nano_usd=usd_to_nano(DEMO_CREDIT_USD),
            note="Sign-up credit",
            idempotency_key=f"signup:{team_id}",
        )
