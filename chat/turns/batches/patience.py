"""A relay that fails line after line is left alone: else all of a batch would soon have failed."""

from chat.services.batch_ends import Taken

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
PATIENCE_SECONDS = 3600.0
FAILURES_OF_AN_HOUR = 20
"""Fewer are those of a batch that stood still meanwhile."""
RELAY_AWAY = "The relay has failed every line for an hour. Resume the batch when it answers again."


class RelayPatience:
    """What the last lines of a batch say about the relay. `now` is in seconds by any clock that
    nobody sets."""

    def __init__(self) -> None:
        # Lines that it failed since one was answered, and when the first of them was.
        self._failures = 0
        self._since = 0.0
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._paused_until = 0.0

    @property
    def relay_fails(self) -> bool:
        """Whether it failed two lines and more, and answered none since: no line is to blame."""
        return self._failures > 1

    def may_begin(self, now: float, under_way: int) -> bool:
        """Whether a line may begin beside so many others: while the relay fails one at a time
        finds out whether it answers again."""
        return not self.relay_fails or (now >= self._paused_until and not under_way)

    def is_over(self, now: float) -> bool:
        """Whether it has failed for so long that somebody has to look."""
        return self._failures >= FAILURES_OF_AN_HOUR and now - self._since > PATIENCE_SECONDS

    def note(self, taken: Taken, now: float) -> None:
        """Learn how a line's turn ended."""
        if taken.answered:
            self._failures, self._pause_seconds = 0, FIRST_PAUSE_SECONDS
        elif taken.relay_failed:
            self._failures += 1
            if self._failures == 1:
                self._since = now
            elif now >= self._paused_until:
                # The others that were under way with it say nothing new.
                self._paused_until = now + self._pause_seconds
                self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
