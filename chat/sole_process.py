"""One process per SQLite database: a second one would take the first one's turns as lost."""

import os
import sys
from pathlib import Path

from django.db import connection

LOCK_SUFFIX = ".lock"

# By the database's file, for as long as this process lives.
_claimed: dict[Path, int] = {}


class SecondProcess(Exception):
    """Another Tram already serves this database."""

    code = "second_process"


def claim_database() -> None:
    """Claim the SQLite database of the settings for this process until it ends, however it ends;
    claiming again is nothing. PostgreSQL is shared, and not claimed.

    Raises SecondProcess.
    """
    if connection.vendor == "sqlite":
        claim(Path(str(connection.settings_dict["NAME"])))


def claim(database: Path) -> None:
    """Claim a database file, by whatever name it is reached.

    The lock is on a file beside it: SQLite's own locks on the file itself are not to be met. On
    Windows, where such a lock does not exist, nothing is claimed. Raises SecondProcess.
    """
    path = database.resolve()
    if sys.platform == "win32" or path in _claimed:
        return
    import fcntl

    descriptor = os.open(path.with_name(path.name + LOCK_SUFFIX), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SecondProcess(
            f"another Tram already serves the database {path}; end it, or choose another with "
            "DATA_DIR or DATABASE_URL"
        ) from None
    _claimed[path] = descriptor


def is_claimed_elsewhere(database: Path) -> bool:
    """Whether another process serves this database file now."""
    if sys.platform == "win32":
        # Nothing proves the contrary, and who is thought dead loses his turns.
        return True
    already = database.resolve() in _claimed
    try:
        claim(database)
    except SecondProcess:
        return True
    if not already and (descriptor := _claimed.pop(database.resolve(), None)) is not None:
        os.close(descriptor)
    return False
