"""Waiting for what another process does."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 20.0


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `holds()` is true; fail if it is not within `seconds`."""
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, "it did not come true in time"
        time.sleep(0.02)
