"""A circuit breaker: a route that keeps failing is left alone for a while, then probed once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]


class Breaker:
    """Counts failures in a row. Not for threads: it belongs to one event loop.

    After `failures_to_open` of them it is open and lets nobody through for `open_seconds`; then
    it is half open: one attempt at a time may probe. A success closes it, a failure opens it again.
    """

    def __init__(
        self,
        *,
        failures_to_open: int = 5,
        open_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is in seconds."""
        self._failures_to_open = failures_to_open
        self._open_seconds = open_seconds
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """How it stands now."""
        if self._opened_at is None:
            return "closed"
        return "open" if self.opens_in_seconds() > 0 else "half_open"

    def opens_in_seconds(self) -> float:
        """Seconds until a probe is allowed; 0 when nothing has to be waited for."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_seconds - self._clock())

    def try_enter(self) -> bool:
        """Say whether an attempt may begin; who gets True reports how it went, once."""
        if self._opened_at is None:
            return True
        if self._probing or self.opens_in_seconds() > 0:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The relay answered (a refusal of the request itself counts as an answer)."""
        self._failures = 0
        self._opened_at = None
        self._probing = False

    def failed(self) -> None:
        """The relay failed."""
        self._failures += 1
        self._probing = False
        if self._opened_at is not None or self._failures >= self._failures_to_open:
            self._opened_at = self._clock()

    def abandoned(self) -> None:
        """The attempt ended before it showed anything, by an interrupt."""
        self._probing = False
