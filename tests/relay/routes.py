"""Routes of doubles, and what a turn hears that takes them; time passes only by waiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from chat.relay.attempts import Attempt, AttemptStarted, RoutedEvent
from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.errors import RelayError
from chat.relay.gates import Claim, Gate, OpenGate
from chat.relay.recourse import GoOn
from chat.relay.routes import Route
from chat.relay.routing import Router
from chat.relay.settings import RelaySettings
from chat.relay.transports.scripted import ScriptedTransport, Step
from chat.relay.types import ChatRequest, Delta, WaitingNotice
from tests.relay.conftest import REQUEST
from tests.relay.reading import CLAIM


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Gatekeeper(OpenGate):
    """Says the given places in line, then lets in, or refuses; keeps what it is told."""

    def __init__(self, *places: int, error: RelayError | None = None, hangs: bool = False) -> None:
        super().__init__()
        self._places = places
        self._error = error
        self._hangs = hangs
        self.in_line = 0
        self.held_off: list[float] = []
        self.tokens: list[int | None] = []
        self.log: list[str] = []

    async def enter(self, claim: Claim) -> AsyncGenerator[WaitingNotice, None]:
        self.in_line += 1
        try:
            for place in self._places:
                yield WaitingNotice(position=place)
            if self._hangs:
                await asyncio.Event().wait()
            if self._error is not None:
                raise self._error
        finally:
            self.in_line -= 1
        async for notice in super().enter(claim):
            yield notice
        self.log.append("enter")

    async def leave(self, claim: Claim, *, tokens: int | None) -> None:
        await super().leave(claim, tokens=tokens)
        self.tokens.append(tokens)
        self.log.append("leave")

    async def hold_off(self, seconds: float) -> None:
        self.held_off.append(seconds)
        self.log.append("hold off")


class Place:
    """One relay of a test: what it plays, and what was asked of it."""

    def __init__(
        self,
        *scripts: Sequence[Step],
        name: str = "one",
        gate: Gate | None = None,
        breaker: Breaker | None = None,
        model: str = REQUEST.model,
        **settings: Any,
    ) -> None:
        self.transport = ScriptedTransport(*scripts)
        self.gate = gate or Gatekeeper()
        self.breaker = breaker or Breaker()
        values = {"name": name, "base_url": "http://127.0.0.1:9/v1"} | settings
        client = RelayClient(RelaySettings(**values), self.transport, self.transport)
        self.route = Route(client, model, self.gate, self.breaker)

    @property
    def asked(self) -> int:
        return len(self.transport.requests)


class Heard:
    """An answer over some routes, as far as it came."""

    def __init__(self, *places: Place, go_on: GoOn | None = None, seed: int = 1) -> None:
        self.time = Time()
        self.events: list[RoutedEvent] = []
        self.error: RelayError | None = None
        self._router = Router(sleep=self.time.sleep, clock=self.time.clock, rng=random.Random(seed))
        self._routes = [place.route for place in places]
        self._go_on = go_on

    async def listen(self, until: type[RoutedEvent] | None = None) -> Heard:
        """Hear it to its end, or stop at the first event of a kind."""
        answer = self._router.answer(REQUEST, self._routes, CLAIM, self._go_on)
        try:
            async with asyncio.timeout(10), aclosing(answer) as events:
                async for event in events:
                    self.events.append(event)
                    if until is not None and isinstance(event, until):
                        break
        except RelayError as error:
            self.error = error
        return self

    @property
    def text(self) -> str:
        return "".join(event.content for event in self.events if isinstance(event, Delta))

    @property
    def attempts(self) -> list[Attempt]:
        return [event.attempt for event in self.events if isinstance(event, AttemptStarted)]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(attempt.relay_name, attempt.outcome) for attempt in self.attempts]

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    @property
    def code(self) -> str:
        return self.error.code if self.error else ""


async def hear(*places: Place, go_on: GoOn | None = None, seed: int = 1) -> Heard:
    """The whole answer."""
    return await Heard(*places, go_on=go_on, seed=seed).listen()


def going_on(content: str) -> ChatRequest | None:
    """A request that shows what it goes on from."""
    return ChatRequest(REQUEST.model, REQUEST.messages, 100, extra={"after": content})
