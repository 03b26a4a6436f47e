"""`python -m tests.benchmarks.estimates FOLDER [--turns 400]`: how far estimates are off.

Cuts off so many answers of the demo relay's corpus somewhere, into a database of their own in
FOLDER, lets each be estimated and holds them against what the relay wrote down: before reconciling
with its log, and after. Ends with status 1 beyond 2 % (median) or 8 % (95th percentile) before, or
if anything is left after.
"""

import argparse
import os
import random
import sys
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

MEDIAN_PERCENT, P95_PERCENT = 2, 8


def main() -> int:
    """Cut off, reconcile, print both distances."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.estimates")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=int, default=400)
    parser.add_argument("--seed", type=int, default=46)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ["TEST_DATA_DIR"] = str(options.folder)
    os.environ["TEST_DATABASE_URL"] = f"sqlite:///{options.folder.resolve() / 'estimates.sqlite3'}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return _measure(options.turns, options.seed, options.folder / "log.json")


def _measure(turns: int, seed: int, log: Path) -> int:
    from django.core.management import call_command
    from django.utils import timezone

    from accounts.services.principals import principal_for_user
    from tests.billing.conftest import give, set_prices
    from tests.chat.admitting import MODEL
    from tests.chat.cutting_off import PRICE_USD, cut_off, errors_percent, two_hours_ago
    from tests.people import cast

    set_prices(MODEL, PRICE_USD)
    people = cast()
    give(people.team, "10000")
    chance = random.Random(seed)
    who = principal_for_user(people.alice, people.team.pk)
    records = [cut_off(who, number, chance) for number in range(turns)]
    before = errors_percent(records)
    log.write_bytes(two_hours_ago(records))
    since = (timezone.now() - timedelta(hours=6)).isoformat()
    call_command("reconcile", "--relay", "demo", "--since", since, "--bill", str(log))
    middle, high, after = median(before), quantiles(before, n=20)[-1], max(errors_percent(records))
    sys.stdout.write(
        f"{turns} answers cut off. Estimates off by {middle:.1f} % (median) and {high:.1f} % "
        f"(95th percentile) before reconciling, by {after:.1f} % at most after.\n"
    )
    return int(middle > MEDIAN_PERCENT or high > P95_PERCENT or after > 0)


if __name__ == "__main__":
    sys.exit(main())
