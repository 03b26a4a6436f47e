"""The relay of a run: it writes what a script says, and knows when its streams were closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID

from chat.relay.attempts import Attempt, AttemptStarted, RoutedEvent
from chat.relay.errors import RelayError, RelayStreamBroken, RelayTimeout
from chat.relay.gates import Claim
from chat.relay.recourse import GoOn
from chat.relay.types import (
    ChatRequest,
    Delta,
    Finish,
    RetryNotice,
    Usage,
    UsageReport,
    WaitingNotice,
)
from tests.simulation.chance import Chance
from tests.simulation.rows import short
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import Process, VirtualLoop, here

LONGEST_SILENCE_SECONDS = 20.0
"""The product's own transports bound a silence; so does this one."""


@dataclass(slots=True, eq=False)
class Stream:
    """One answer as the relay sees it."""

    turn: UUID
    process: Process
    opened_at: float
    closed_at: float | None = None


class SimulatedRelay:
    """Answers of random length and pace, some of them broken."""

    def __init__(self, loop: VirtualLoop, chance: Chance, trace: Trace) -> None:
        self._loop = loop
        self._chance = chance
        self._trace = trace
        self.streams: list[Stream] = []

    def process_died(self, process: Process) -> None:
        """Its sockets are closed by its machine."""
        for stream in self.streams:
            if stream.process is process:
                self._closed(stream)

    def open_streams(self) -> list[Stream]:
        """The streams that nobody closed."""
        return [stream for stream in self.streams if stream.closed_at is None]

    async def stream(
        self, request: ChatRequest, claim: Claim, go_on: GoOn | None = None
    ) -> AsyncGenerator[RoutedEvent, None]:
        """One answer; its errors are those that real relays bring about."""
        process = here()
        assert process is not None
        script = Chance(self._chance.getrandbits(64))
        stream = Stream(claim.turn_id, process, self._loop.time())
        self.streams.append(stream)
        self._trace.note("relay", f"opens for {short(claim.turn_id)}")
        attempt = Attempt(1, "simulated", "", request, sent=True)
        try:
            if script.happens(0.1):
                yield WaitingNotice(position=script.randint(1, 3))
                await asyncio.sleep(script.uniform(0, 2))
            yield AttemptStarted(attempt)
            if script.happens(0.1):
                error = RelayError("busy")
                attempt.end(error)
                yield RetryNotice(1, 0.5, error)
                await asyncio.sleep(0.5)
                attempt = Attempt(2, "simulated", "", request, sent=True)
                yield AttemptStarted(attempt)
            async for event in _answer(script):
                if isinstance(event, Delta | Finish | UsageReport):
                    attempt.note(event)
                yield event
        except RelayError as error:
            attempt.end(error)
            raise
        finally:
            if attempt.outcome == "running":
                attempt.end()
            if process.alive:
                self._closed(stream)

    def _closed(self, stream: Stream) -> None:
        if stream.closed_at is None:
            stream.closed_at = self._loop.time()
            self._trace.note("relay", f"closed for {short(stream.turn)}")


async def _answer(script: Chance) -> AsyncGenerator[RoutedEvent, None]:
    pace_seconds = script.choice((0.002, 0.02, 0.1, 0.5))
    await asyncio.sleep(script.uniform(0, 1.5))
    for _ in range(script.choice((0, 1, 3, 10, 30, 60))):
        await asyncio.sleep(script.uniform(0, 2 * pace_seconds))
        if script.happens(0.02):
            await asyncio.sleep(script.uniform(1, 12))
        reasoning = script.text(3) if script.happens(0.05) else ""
        yield Delta("" if script.happens(0.03) else script.text(), reasoning)
    how = script.random()
    if how < 0.08:
        raise RelayStreamBroken
    if how < 0.16:
        await asyncio.sleep(LONGEST_SILENCE_SECONDS)
        raise RelayTimeout
    yield Finish("stop")
    if script.happens(0.8):
        yield UsageReport(Usage(7, 30, 37))
    await asyncio.sleep(script.uniform(0, 0.05))
