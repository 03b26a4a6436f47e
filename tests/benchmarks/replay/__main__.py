"""`python -m tests.benchmarks.replay FOLDER [--turns 100000] [--postgresql]`.

Plays so many made-up turns through billing, into a database of their own in FOLDER, reckons them in
plain fractions beside it, and ties out: settlements, transfers, accounts, budgets, totals of usage
and statements, to the last nano-USD. Then the relays' bills of the month are reconciled: clean
ones, and such with planted differences. Ends with status 1 if anything differs.
"""

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

SHOWN = 40


def main() -> int:
    """Play, print a line for each figure, and what differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.replay")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plants", type=int, default=20, help="of each difference and relay")
    parser.add_argument("--postgresql", action="store_true", help="on a server of its own")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{options.folder.resolve() / 'replay.sqlite3'}"
        if options.postgresql:
            from tests.services.servers import postgresql

            (options.folder / "postgresql").mkdir()
            server = stack.enter_context(postgresql(options.folder / "postgresql"))
            # On a busy machine a process that is niced may rest within a transaction.
            url = f"{server.url}?options=-c%20idle_in_transaction_session_timeout%3D0"
        return _run(options, url)


def _run(options: argparse.Namespace, url: str) -> int:
    os.environ["TEST_DATA_DIR"] = str(options.folder)
    os.environ["TEST_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")
    from tests.benchmarks.replay.running import run

    began = time.process_time()
    report = run(options.turns, options.seed, options.plants, _tell)
    connection.close()
    for line in report.wrong[:SHOWN]:
        _tell(line)
    sys.stdout.write(f"In all {time.process_time() - began:.0f} s of this process's CPU. ")
    sys.stdout.write(f"{len(report.wrong)} figures differ.\n")
    return 1 if report.wrong else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
