"""Fills the benchmark's database: people with API keys and credit, and the model's price.

Run as ``python -m tests.benchmarks.people COUNT`` in the server's environment; prints one key a
line. Each person has a team of their own.
"""

import os
import sys

import django


def make_people(count: int) -> list[str]:
    """Make `count` people who may spend as much as they like; give their keys."""
    from accounts.models import Team
    from accounts.services.keys import create_api_key
    from accounts.services.people import create_person
    from billing.budgets import grant_credit
    from billing.money import usd_to_nano
    from billing.prices import NewPrice, set_price
    from tests.benchmarks.relay import MODEL

    price = usd_to_nano("0.01")
    set_price(MODEL, NewPrice(price, price))
    keys = []
    for number in range(count):
        person = create_person(f"bench{number}", None, email=f"bench{number}@example.com")
        team = Team.objects.get(memberships__user=person)
        grant_credit(team_id=team.pk, amount_nano_usd=usd_to_nano("100000"))
        keys.append(create_api_key(person, team, "bench").secret)
    return keys


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print("\n".join(make_people(int(sys.argv[1]))))
