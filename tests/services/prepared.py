"""Databases that the clusters and repetitions of a test run are copied from."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from tests.processes import ROOT
from tests.servers import server_environment
from tests.services.servers import PostgreSQL, postgresql

MIGRATED = "tram_migrated"
"""Migrated, and empty."""
PEOPLED = "tram_peopled"
"""With the demo's people, and a price for every model of the demo relay."""


def prepare(server: PostgreSQL, folder: Path) -> None:
    """Make both databases on this server where they are not there; `folder` for what it writes."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        known = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        if PEOPLED in known:
            return
        connection.execute(f'CREATE DATABASE "{MIGRATED}"'.encode())
        _run(server, folder, MIGRATED, "manage.py", "migrate", "--verbosity", "0")
        connection.execute(f'CREATE DATABASE "{PEOPLED}" TEMPLATE "{MIGRATED}"'.encode())
    _run(server, folder, PEOPLED, "manage.py", "seeddemo")
    _run(server, folder, PEOPLED, "-m", "tests.faults.prices")


def prepared_data(folder: Path) -> None:
    """Leave the data of a stopped server with both databases in `folder`."""
    # Elsewhere: the server's own user may not pass through pytest's folders.
    with tempfile.TemporaryDirectory(prefix="tram-prepared-") as name:
        place = Path(name)
        with postgresql(place) as server:
            prepare(server, place)
        shutil.copytree(place / "data", folder / "data")


def _run(server: PostgreSQL, folder: Path, database: str, *command: str) -> None:
    env = server_environment(folder)
    env["DATABASE_URL"] = server.url.replace("/postgres", f"/{database}")
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
