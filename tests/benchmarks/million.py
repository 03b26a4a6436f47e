"""`python -m tests.benchmarks.million FOLDER [TURNS]`: how fast usage is over many turns.

Makes a database with so many settlements (1,000,000 unless told), all within the 60 days that the
overview looks at, in conversations of eight turns over three relays, without their holds and
transfers; then measures the overview as the admin asks for it, before anything is folded and after,
a month's statement as page and file, and a person's own usage. An SQLite file in the folder, or the
database that MILLION_DATABASE_URL names; one that is filled is used again.
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
from uuid import UUID

TEAMS, PEOPLE_OF_A_TEAM, DAYS = 20, 10, 60
MODELS = ("gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2", "smollm2-135m")
OUTCOMES = ("completed",) * 18 + ("interrupted", "failed:relay_error")
COLUMNS = (
    "subject, hold_id, team_id, person_id, model, price_version_id, prompt_tokens, "
    "completion_tokens, cost_nano_usd, relay_cost_nano_usd, official_cost_nano_usd, quality, "
    "outcome, overrun, day, created_at, images, route, conversation_id"
)
ROUTES = ("holysheep", "holysheep", "holysheep", "reserve", "local")
TURNS_OF_A_CONVERSATION, OPEN_AT_ONCE = 8, 50
REPETITIONS = 7


def main() -> None:
    """Make the file, measure, print a line for each figure."""
    folder, turns = Path(sys.argv[1]), int((*sys.argv[2:], "1000000")[0])
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TEST_DATA_DIR"] = str(folder)
    file = f"sqlite:///{folder / 'million.sqlite3'}"
    os.environ["TEST_DATABASE_URL"] = os.environ.get("MILLION_DATABASE_URL", file)
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

    given = COLUMNS.split(", ")
    others = [field for field in Settlement._meta.concrete_fields[1:] if not field.null]
    rest = {str(each.column): each.get_default() for each in others if each.column not in given}
    rows = (row + tuple(rest.values()) for row in _rows(turns, teams, price))
    columns = (*given, *rest)
    fill = _fill_sqlite if connection.vendor == "sqlite" else _fill_postgresql
    _timed("made", lambda: fill(connection, columns, rows))


def _fill_sqlite(connection: Any, columns: tuple[str, ...], rows: Any) -> None:
    connection.ensure_connection()
    raw = connection.connection
    # Without the holds that they belong to.
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("PRAGMA cache_size = -600000")
    raw.execute("BEGIN")
    marks = ", ".join("?" for _ in columns)
    raw.executemany(
        f"INSERT INTO billing_settlement ({', '.join(columns)}) VALUES ({marks})",
        rows,
    )
    raw.execute("COMMIT")


def _fill_postgresql(connection: Any, columns: tuple[str, ...], rows: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        copied = f"COPY billing_settlement ({', '.join(columns)}) FROM STDIN"
        with cursor.copy(copied) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")


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
    talks: dict[int, tuple[str, int, int, str, str]] = {}
    step = (timedelta(days=DAYS) - timedelta(hours=1)) / turns
    for number in range(turns):
        moment = start + number * step
        slot = number % OPEN_AT_ONCE
        if number // OPEN_AT_ONCE % TURNS_OF_A_CONVERSATION == 0:
            team, people = teams[int(TEAMS * chance.random() ** 2)]
            model, route = int(len(MODELS) * chance.random()), chance.choice(ROUTES)
            talk = UUID(int=chance.getrandbits(128)).hex
            talks[slot] = team, chance.choice(people), model, route, talk
        team, person, model, route, talk = talks[slot]
        tokens_in, tokens_out = chance.randrange(50, 4000), chance.randrange(20, 1500)
        cost = (tokens_in + tokens_out) * (model + 1) * 1000
        official = None if MODELS[model].startswith("smol") else cost * 5
        yield (
            *(f"turn:{number}", number + 1, team, person, MODELS[model], price),
            *(tokens_in, tokens_out, cost, cost, official, "reported", chance.choice(OUTCOMES)),
            *(False, f"{moment:%Y-%m-%d}", f"{moment:%Y-%m-%d %H:%M:%S.%f}", 0, route, talk),
        )


def _measure() -> None:
    from django.conf import settings
    from django.test import Client

    from accounts.models import Team, User
    from billing.models import ConversationTotal, UsageFold, UsageTotal
    from billing.usage_folding import fold_once, rebuild
    from billing.zones import zones

    UsageFold.objects.all().delete()
    UsageTotal.objects.all().delete()
    ConversationTotal.objects.all().delete()
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
    month = {"month": f"{datetime.now(UTC) - timedelta(days=30):%Y-%m}"}
    for what, path in (("page", ""), ("CSV", "csv/"), ("Excel", "xlsx/")):
        ask = partial(client.get, f"/usage/statement/{team.pk}/{path}", month)
        _timed(f"statement of the busiest team, {what}", ask, REPETITIONS)
    client.force_login(User.objects.get(username="person-0-0"))
    _timed("my usage", partial(client.get, "/usage/", month), REPETITIONS)
    for table in (UsageTotal, ConversationTotal):
        sys.stdout.write(f"{table.objects.count()} rows of {table.__name__}\n")


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
