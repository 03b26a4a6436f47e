"""A deadline for many short waits of one task.

asyncio.timeout() makes and cancels a timer for each wait, which on the token path costs as much
as parsing the token. A Watch keeps one timer and moves it only when it rings. And a timeout
around an async generator's `yield` would strike in the consumer's code; a Watch is entered only
around the waits themselves.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Watch:
    """`with watch: await ...` raises TimeoutError when the wait lasts too long.

    Bounds: `limit_seconds` for each wait by itself, and a moment (`loop.time()`) for all of them.
    Not reentrant. Whoever makes one calls `close()` at the end.
    """

    def __init__(self, limit_seconds: float | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit_seconds = limit_seconds
        self._moment: float | None = None
        self._due: float | None = None  # when the present wait has lasted too long
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None  # set while waiting
        self._cancelling_before = 0
        self._rang = False

    def limit_each(self, seconds: float) -> None:
        """Bound each wait from now on."""
        if seconds != self._limit_seconds:
            self._limit_seconds = seconds
            self._drop_timer()

    def end_within(self, seconds: float) -> None:
        """Bound all waits together: they end within this time from now. Only ever shortens."""
        moment = self._loop.time() + seconds
        if self._moment is None or moment < self._moment:
            self._moment = moment
            self._drop_timer()

    def close(self) -> None:
        """Drop the timer."""
        self._drop_timer()

    def __enter__(self) -> None:
        now = self._loop.time()
        due = self._moment
        if self._limit_seconds is not None:
            due = now + self._limit_seconds if due is None else min(due, now + self._limit_seconds)
        if due is not None and due <= now:
            raise TimeoutError
        self._due = due
        # Without the loop as an argument it takes three times as long, in every wait.
        task = asyncio.current_task(self._loop)
        self._task = task
        if task is not None:
            self._cancelling_before = task.cancelling()
        if self._timer is None and due is not None:
            self._timer = self._loop.call_at(due, self._ring)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if not self._rang:
            return
        self._rang = False
        # As asyncio.Timeout does: a cancellation by somebody else outranks ours.
        if task is not None and task.uncancel() <= self._cancelling_before and kind is not None:
            raise TimeoutError from error

    def _ring(self) -> None:
        self._timer = None
        if self._task is None or self._due is None:
            return  # nobody waits now; the next wait sets the timer
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._ring)
            return
        self._rang = True
        self._task.cancel()

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
