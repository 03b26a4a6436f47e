"""How often one process may ask Redis whether a place has become free."""

from collections.abc import Hashable

POLLS_PER_SECOND = 10.0
SHORTEST_POLL_SECONDS = 0.2


class Pace:
    """Shares the polls of one process between all that wait: the more there are, the rarer each
    of them asks."""

    def __init__(self) -> None:
        self._waiting: set[Hashable] = set()

    @property
    def seconds(self) -> float:
        """After how long each that waits may ask again."""
        return max(SHORTEST_POLL_SECONDS, len(self._waiting) / POLLS_PER_SECOND)

    def note(self, who: Hashable) -> None:
        """`who` waits."""
        self._waiting.add(who)

    def forget(self, who: Hashable) -> bool:
        """`who` does not wait any more; says whether it did."""
        waited = who in self._waiting
        self._waiting.discard(who)
        return waited
