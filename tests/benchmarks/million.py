"""`python -m tests.benchmarks.million FOLDER [TURNS]`: how fast the overview is over many turns.

Makes an SQLite file with so many settlements (1,000,000 unless told), all within the 60 days that
the overview looks at, without their holds and transfers; then measures the overview as the admin
asks for it: before anything is folded, and after. A file that is there is used again.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

TEAMS, PEOPLE_OF_A_TEAM, DAYS = 20, 10, 60
MODELS = ("gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2", "smollm2-135m")
OUTCOMES = ("completed",) * 18 + ("interrupted", "failed:relay_error")
COLUMNS = (
    "subject, hold_id, team_id, person_id, model, price_version_id, prompt_tokens, "
    "completion_tokens, cost_nano_usd, relay_cost_nano_usd, official_cost_nano_usd, quality, "
    "outcome, overrun, day, created_at, images"
)
REPETITIONS = 7


def main() -> None:
    """Make the file, measure, print a line for each figure."""
    folder, turns = Path(sys.argv[1]), int((*sys.argv[2:], "1000000")[0])
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TEST_DATA_DIR"] = str(folder)
    os.environ["TEST_DATABASE_URL"] = f"sqlite:///{folder / 'million.sqlite3'}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    _make(turns)
    _measure()


def _make(turns: int) -> None:
    from django.core.management import call_command

    from billing.models import Settlement

    call_command("migrate", verbosity=0)
    if Settlement.objects.exists():
        return
    teams, price = _people()
    from django.db import connection

    connection.ensure_connection()
    raw = connection.connection
    # Without the holds that they belong to.
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("PRAGMA cache_size = -600000")
    raw.execute("BEGIN")
    given = COLUMNS.split(", ")
    others = [field for field in Settlement._meta.concrete_fields[1:] if not field.null]
    rest = {each.column: each.get_default() for each in others if each.column not in given}
    marks = ", ".join(["?"] * len(given) + [repr(value) for value in rest.values()])
    named = ", ".join((*given, *map(str, rest)))
    sql = f"INSERT INTO billing_settlement ({named}) VALUES ({marks})"
    _timed("made", lambda: raw.executemany(sql, _rows(turns, teams, price)))
    raw.execute("COMMIT")


def _people() -> tuple[list[tuple[str, list[int]]], int]:
    from accounts.models import Team, User
    from billing.models import PriceVersion
    from tests.billing.conftest import give, set_prices

    teams = []
    for number in range(TEAMS):
        team = Team.objects.create(name=f"Team {number}")
        give(team, "100000")
        names = (f"person-{number}-{each}" for each in range(PEOPLE_OF_A_TEAM))
        people = [User.objects.create_user(username=name).pk for name in names]
        teams.append((team.pk.hex, people))
    User.objects.create_superuser(username="alice")
    set_prices("gpt-4.1", "8", "60")
    return teams, PriceVersion.objects.get().pk


def _rows(turns: int, teams: list[Any], price: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(1)
    # Nothing of the last hour, which is never folded.
    start = datetime.now(UTC) - timedelta(days=DAYS)
    step = (timedelta(days=DAYS) - timedelta(hours=1)) / turns
    for number in range(turns):
        moment = start + number * step
        team, people = teams[int(TEAMS * chance.random() ** 2)]
        model = int(len(MODELS) * chance.random())
        tokens_in, tokens_out = chance.randrange(50, 4000), chance.randrange(20, 1500)
        cost = (tokens_in + tokens_out) * (model + 1) * 1000
        official = None if MODELS[model].startswith("smol") else cost * 5
        yield (
            *(f"turn:{number}", number + 1, team, chance.choice(people), MODELS[model], price),
            *(tokens_in, tokens_out, cost, cost, official, "reported", chance.choice(OUTCOMES)),
            *(False, f"{moment:%Y-%m-%d}", f"{moment:%Y-%m-%d %H:%M:%S.%f}", 0),
        )


def _measure() -> None:
    from django.conf import settings
    from django.test import Client

    from accounts.models import Team, User
    from billing.models import UsageFold, UsageTotal
    from billing.usage_folding import fold_once, rebuild
    from billing.zones import zones

    UsageFold.objects.all().delete()
    UsageTotal.objects.all().delete()
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.get(username="alice"))
    _timed("overview, nothing folded", partial(client.get, "/admin/"))
    _timed("one fold of 20,000 turns", partial(fold_once, zones()[0]))
    for zone in zones():
        _timed(f"rebuildusage, {zone}", partial(rebuild, zone))
    for zone in zones():
        ask = partial(client.get, "/admin/", {"zone": zone})
        _timed(f"overview, {zone}", ask, REPETITIONS)
    team = Team.objects.get(name="Team 0")
    ask = partial(client.get, f"/usage/statement/{team.pk}/")
    _timed("statement of the busiest team", ask, REPETITIONS)
    sys.stdout.write(f"{UsageTotal.objects.count()} totals\n")


def _timed(what: str, act: Callable[[], object], times: int = 1) -> None:
    """Print the median time of an act, and what of it this process had the processor."""
    taken = []
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        act()
        taken.append((time.perf_counter() - began, time.process_time() - busy))
    wall, processor = (statistics.median(each) * 1000 for each in zip(*taken, strict=True))
    sys.stdout.write(f"{what}: {wall:.0f} ms, of processor {processor:.0f} ms\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
