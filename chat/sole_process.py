"""One embedded server per data folder: a second one would take the first one's turns as lost."""

import os
import sys
from pathlib import Path

LOCK_NAME = "server.lock"


class SecondProcess(Exception):
    """Another Tram already serves from this data folder."""

    code = "second_process"


def claim(folder: Path) -> int | None:
    """Claim `folder` for this process until it ends, however it ends; gives the lock's descriptor.

    Raises SecondProcess. On Windows, where such a lock does not exist, nothing is claimed.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SecondProcess(
            f"another Tram already serves from {folder}; end it, or choose another with DATA_DIR"
        ) from None
    return descriptor
