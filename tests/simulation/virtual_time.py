"""An event loop whose clock jumps, and the simulated processes whose callbacks it runs."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MOST_CALLS_AT_ONCE = 50_000
"""Callbacks at one moment of virtual time: more is a loop that never waits."""

MOST_BURIALS = 100
"""Times that the tasks of a killed process are cancelled."""


class Stuck(Exception):
    """Nothing is left that could happen, or something happens for ever without time passing."""


class Process:
    """What runs together, and is killed, stopped (SIGSTOP) and woken together."""

    def __init__(self, name: str, loop: VirtualLoop) -> None:
        self.name = name
        self.loop = loop
        self.state = "running"
        self.tasks: list[asyncio.Task[Any]] = []
        self.backlog: list[asyncio.Handle] = []
        self.context = contextvars.copy_context()
        self.context.run(_within.set, self)

    @property
    def alive(self) -> bool:
        """Whether it was not killed; a stopped process lives."""
        return self.state in ("running", "stopped")

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run a coroutine within this process."""
        return self.loop.create_task(coroutine, name=name, context=self.context.copy())

    def call(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        """Run a callback within this process at the next turn of the loop."""
        self.loop.call_soon(callback, *args, context=self.context.copy())

    def kill(self) -> None:
        """kill -9: nothing of it runs any more, not even what would clean up."""
        self.state = "dead"

    def stop(self) -> None:
        """SIGSTOP: what would run waits."""
        self.state = "stopped"

    def wake(self, *, timers_last: bool) -> None:
        """SIGCONT: what waited runs. After a stop a loop may see answers before late timers."""
        self.state = "running"
        waiting, self.backlog = self.backlog, []
        if timers_last:
            waiting.sort(key=lambda handle: isinstance(handle, asyncio.TimerHandle))
        self.loop.run_soon(self, waiting)

    def left(self) -> list[asyncio.Task[Any]]:
        """Its tasks that have not ended."""
        return [task for task in self.tasks if not task.done()]

    async def bury(self) -> None:
        """After the judgement: let the tasks of a killed process unwind, without any effect."""
        self.state = "buried"
        waiting, self.backlog = self.backlog, []
        self.loop.run_soon(self, waiting)
        for _ in range(MOST_BURIALS):
            for task in self.left():
                task.cancel()
            await asyncio.sleep(1)
            if not self.left():
                return
        raise Stuck(f"{self.name} does not unwind: {self.left()}")


_within: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


def here() -> Process | None:
    """The process whose callback runs now; None for the world outside of all of them."""
    return _within.get()


class _NumberedTask(asyncio.Task[T]):
    """Hashes by a number: the order of sets of tasks is the same in every run."""

    number = 0

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.BaseEventLoop):
    """No sockets, no threads, no waiting: where nothing is ready, time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._due: deque[tuple[Process | None, asyncio.Handle]] = deque()
        self._timers: list[tuple[float, int, Process | None, asyncio.TimerHandle]] = []
        self._numbers = itertools.count(1)
        self.calls = 0
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _loop, context: self._note(context))

    def _note(self, context: dict[str, Any]) -> None:
        process = here()
        if process is None or process.alive:
            self.failures.append(context)

    def time(self) -> float:
        """Virtual seconds since the run began."""
        return self._now

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """First come, first served, as on every loop."""
        handle = asyncio.Handle(callback, args, self, context)
        self._due.append((self._process_of(context), handle))
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """At a moment of virtual time; in the order in which they were set where it is the same."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        entry = (when, next(self._numbers), self._process_of(context), handle)
        heapq.heappush(self._timers, entry)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """After so many virtual seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is left where it is until its time comes."""

    @staticmethod
    def _process_of(context: contextvars.Context | None) -> Process | None:
        return _within.get() if context is None else context.get(_within)

    def create_task(  # type: ignore[override]
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """A task that its process knows of."""
        task = _NumberedTask.__new__(_NumberedTask)
        task.number = next(self._numbers)
        task.__init__(coroutine, loop=self, name=name, context=context)  # type: ignore[misc]
        if (process := self._process_of(context)) is not None:
            process.tasks.append(task)
        return task

    def run_in_executor(
        self, executor: object, function: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """What a thread would do is done soon, at one moment."""
        done: asyncio.Future[T] = self.create_future()
        self.call_later(0.001, self._do, done, function, args)
        return done

    @staticmethod
    def _do(done: asyncio.Future[T], function: Callable[..., T], args: tuple[object, ...]) -> None:
        if done.done():
            return
        try:
            done.set_result(function(*args))
        except Exception as error:
            done.set_exception(error)

    def run_soon(self, process: Process, handles: list[asyncio.Handle]) -> None:
        """Run what waited while a process was stopped."""
        self._due.extend((process, handle) for handle in handles)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` ends."""
        asyncio._set_running_loop(self)
        self._at_once = 0
        try:
            task = self.create_task(main)
            while not task.done():
                self._turn()
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def _turn(self) -> None:
        if not self._due:
            self._jump()
        self.calls += 1
        process, handle = self._due.popleft()
        self._at_once += 1
        if self._at_once > MOST_CALLS_AT_ONCE:
            raise Stuck(f"too much at {self._now:.3f} s: {handle!r}")
        if process is None or process.state in ("running", "buried"):
            if not handle.cancelled():
                handle._run()
        else:
            # Also of a dead one: its tasks must be able to unwind when it is buried.
            process.backlog.append(handle)

    _at_once = 0

    def _jump(self) -> None:
        """Go to the next timer, and make due all that are set to the same moment."""
        timers = self._timers
        while timers and timers[0][3].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise Stuck(f"nothing is left to happen at {self._now:.3f} s")
        self._at_once = 0
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, process, handle = heapq.heappop(timers)
            self._due.append((process, handle))
