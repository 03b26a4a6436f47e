"""Fills the database of the faults' server: a price for each model that misbehaves, and credit.

Run as ``python -m tests.faults.prices`` in the server's environment.
"""

import os

import django

USD_PER_MILLION = "8"
"""What the demo relay's own log reckons with."""


def set_prices() -> None:
    """Price every fault model; give every team as much as all rows together may hold."""
    from accounts.models import Team
    from billing.budgets import grant_credit
    from billing.money import usd_to_nano
    from billing.prices import NewPrice, set_price
    from chat.relay.demo.faults import FAULT_PREFIX, FAULTS

    price = usd_to_nano(USD_PER_MILLION)
    for name in FAULTS:
        set_price(FAULT_PREFIX + name, NewPrice(price, price))
    for team in Team.objects.all():
        grant_credit(team_id=team.pk, amount_nano_usd=usd_to_nano("100"))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    set_prices()
