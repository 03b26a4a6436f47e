"""The one database of a run: its tables, and how well it answers."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError

from tests.simulation.chance import Chance
from tests.simulation.tables import Tables
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import VirtualLoop, here

T = TypeVar("T")

USUAL_SECONDS = 0.001


class Weather:
    """How the database behaves now; a run's plan changes it."""

    def __init__(self) -> None:
        self.slowness = 1.0
        # Of the requests that many fail: half of them unseen by the database, half of them done.
        self.failing = 0.0
        # Nobody reaches it; what is asked fails at once, or hangs until it is back.
        self.down = False
        self.hangs = False
        # Processes that do not reach it though others do.
        self.unreachable_for: set[str] = set()

    @property
    def bad(self) -> bool:
        """Whether a request of anybody may fail or take long."""
        gone = self.down or bool(self.unreachable_for)
        return gone or self.failing > 0 or self.slowness > 1


class Database:
    """Answers after a while; a request that is on its way is done though who asked is gone."""

    def __init__(self, loop: VirtualLoop, chance: Chance, trace: Trace) -> None:
        self._loop = loop
        self._chance = chance
        self._trace = trace
        self.weather = Weather()
        self.tables = Tables(loop.time, chance, trace)
        self._context = contextvars.Context()
        self._returned = asyncio.Event()
        self._returned.set()

    async def ask(self, what: str, act: Callable[[], T]) -> T:
        """Do `act` in the database at one moment; raises OperationalError, or what `act` raises."""
        process = here()
        if process is not None and not process.alive:
            raise asyncio.CancelledError
        asker = "" if process is None else process.name
        answer: asyncio.Future[T] = self._loop.create_future()
        self._context.run(self._send, asker, what, act, answer)
        return await answer

    def _send(self, asker: str, what: str, act: Callable[[], T], answer: asyncio.Future[T]) -> None:
        weather, chance = self.weather, self._chance
        if weather.down or asker in weather.unreachable_for:
            again = chance.uniform(0.2, 0.6) if weather.hangs else chance.uniform(0.001, 0.05)
            retry = self._send if weather.hangs else self._fail
            self._later(again, retry, asker, what, act, answer)
            return
        if weather.failing and chance.happens(weather.failing / 2):
            self._later(self._latency(), self._fail, asker, what, act, answer)
            return
        self._later(self._latency(), self._do, asker, what, act, answer)

    def _latency(self) -> float:
        return self._chance.latency(USUAL_SECONDS * self.weather.slowness)

    def _later(self, seconds: float, callback: Callable[..., object], *args: object) -> None:
        self._loop.call_later(seconds, callback, *args, context=self._context.copy())

    def _fail(
        self, asker: str, what: str, _act: Callable[[], T], answer: asyncio.Future[T]
    ) -> None:
        self._trace.note("database", f"fails {what} of {asker}")
        if not answer.done():
            answer.set_exception(OperationalError("the connection to the database was lost"))

    def _do(self, asker: str, what: str, act: Callable[[], T], answer: asyncio.Future[T]) -> None:
        try:
            result, error = act(), None
        except Exception as raised:
            error = raised
        weather, chance = self.weather, self._chance
        if weather.failing and chance.happens(weather.failing / 2):
            self._trace.note("database", f"does {what} of {asker}, the answer gets lost")
            self._later(self._latency(), self._fail, asker, what, act, answer)
        elif error is not None:
            self._later(self._latency(), _settle, answer, None, error)
        else:
            self._later(self._latency(), _settle, answer, result, None)


def _settle(answer: asyncio.Future[T], result: T, error: Exception | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)
