"""How many frames a client may send."""

from collections.abc import Callable
from time import monotonic


class FrameBucket:
    """A bucket that fills with time: `burst` frames at once, `per_second` lastingly."""

    def __init__(
        self, per_second: float, burst: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._at = clock()

    def take(self, cost: float = 1.0) -> float:
        """Spend `cost` frames and return 0, or spend nothing and return the seconds to wait."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left >= cost:
            self._left -= cost
            return 0.0
        return (cost - self._left) / self._per_second
