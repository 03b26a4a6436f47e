"""Lets few through at a time: some doors cost the processor more than a request should."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from time import monotonic

from chat.services.errors import RateLimited

REMEMBERED_PEOPLE = 10_000


class Turnstile:
    """For the threads of one process.

    `at_once` go through at a time and `in_line` more wait, at most `wait_seconds`. A person has at
    most `of_each` under way or in line, and over time `per_second`, `burst` of them at once.
    """

    def __init__(
        self,
        *,
        at_once: int = 2,
        in_line: int = 8,
        of_each: int = 2,
        per_second: float = 4.0,
        burst: float = 20.0,
        wait_seconds: float = 2.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._at_once, self._in_line, self._of_each = at_once, in_line, of_each
        self._per_second, self._burst = per_second, burst
        self._wait_seconds, self._clock = wait_seconds, clock
        self._changed = Condition()
        self._inside = 0
        self.waiting = 0
        """How many are in line now."""
        self._here: Counter[int] = Counter()
        # When each person's burst is whole again.
        self._whole_at: OrderedDict[int, float] = OrderedDict()

    @contextmanager
    def through(self, person_id: int) -> Iterator[None]:
        """Go through, after a wait where need be. Raises RateLimited."""
        with self._changed:
            self._take(person_id)
            self._here[person_id] += 1
            try:
                self._enter()
            except RateLimited:
                self._leave(person_id)
                raise
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._leave(person_id)

    def _take(self, person_id: int) -> None:
        if self._here[person_id] >= self._of_each:
            raise _busy(1.0)
        now = self._clock()
        whole_at = max(now, self._whole_at.pop(person_id, now)) + 1 / self._per_second
        too_early = whole_at - now - self._burst / self._per_second
        # Who is refused is not charged for it.
        self._whole_at[person_id] = whole_at - (1 / self._per_second if too_early > 0 else 0)
        if len(self._whole_at) > REMEMBERED_PEOPLE:
            self._whole_at.popitem(last=False)
        if too_early > 0:
            raise _busy(too_early)

    def _enter(self) -> None:
        if self._inside >= self._at_once:
            if self.waiting >= self._in_line:
                raise _busy(1.0)
            self.waiting += 1
            try:
                free = self._changed.wait_for(
                    lambda: self._inside < self._at_once, self._wait_seconds
                )
            finally:
                self.waiting -= 1
            if not free:
                raise _busy(1.0)
        self._inside += 1

    def _leave(self, person_id: int) -> None:
        self._here[person_id] -= 1
        if self._here[person_id] <= 0:
            del self._here[person_id]
        self._changed.notify()


def _busy(seconds: float) -> RateLimited:
    return RateLimited(
        "Too much is asked at once. Ask again in a moment.", retry_after_seconds=round(seconds, 1)
    )
