"""What must be so before the site is served, each refused in one clear line."""

import os
import sys
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection


class CannotServe(Exception):
    """The site cannot be served like this; the message says why, and what to do."""

    code = "cannot_serve"


def on_sqlite() -> bool:
    """Whether the database is a file, which one process has to itself."""
    return "sqlite" in str(settings.DATABASES["default"]["ENGINE"])


def require_several(workers: int, role: str) -> None:
    """Raise `CannotServe` where several processes are asked for and cannot be."""
    if workers < 1:
        raise CannotServe("--workers must be 1 at least")
    if workers > 1 and sys.platform == "win32":
        raise CannotServe("several workers cannot share a port on Windows; use --workers 1")
    if workers > 1 and on_sqlite():
        raise CannotServe(
            "several workers need PostgreSQL; set DATABASE_URL to one, or use --workers 1"
        )
    if role != "all" and on_sqlite():
        raise CannotServe(
            f"the role {role} needs other processes, and those need PostgreSQL; "
            "set DATABASE_URL to one, or use --role all"
        )


def require_writable(folder: Path) -> None:
    """Make `folder` if need be; raise `CannotServe` if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise CannotServe(f"the folder {folder} cannot be written; choose another with DATA_DIR")


def require_migrated() -> None:
    """Raise `CannotServe` where the database lacks migrations of this code.

    A database that does not answer may come back: then the site starts and waits for it."""
    # Half of Django's migrations, which nothing else here needs.
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return
    finally:
        connection.close()
    if missing:
        raise CannotServe(
            f"the database lacks {len(missing)} migrations of this version; run: manage.py migrate"
        )


def what_no_redis_costs() -> str:
    """What is different for several processes without Redis, in one line."""
    return (
        "No REDIS_URL: answers cross between processes through the database every "
        f"{settings.NODES.follow_poll_ms} ms, changed rights reach open pages within "
        f"{settings.SOCKETS.revalidate_seconds:g} s, and each process counts the limits of relay "
        "keys by itself."
    )
