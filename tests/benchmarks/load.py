"""The loads: one stream, many streams, one fast stream, interrupts, idle connections."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from tests.benchmarks import machine
from tests.benchmarks.client import BenchSocket, acknowledge
from tests.benchmarks.figures import (
    Spread,
    Stretch,
    Window,
    added_to_first_token_ns,
    middle,
    spread,
    stretch,
    tokens_in,
)
from tests.benchmarks.systems import BenchRelay, System, new_order

RATE = 50
START_SPACING_SECONDS = 0.025
SETTLE_SECONDS = 1.0
# A server that has fallen behind gets so long to bring what is on its way.
BACKLOG_SECONDS = 2.0
INTERRUPT_SPACING_SECONDS = 0.04
# Enough for the relay to have read a request, or to have seen a close, and for its own log.
MOMENT_SECONDS = 0.1


class Plan(msgspec.Struct, frozen=True):
    """How long and how often to measure."""

    windows: int
    window_seconds: float
    samples: int
    idle_connections: int
    burst_tokens: int


class Paced(msgspec.Struct, frozen=True):
    """What N paced streams at a time gave."""

    streams: int
    steady: Stretch
    # Of the last starts, while the others streamed already; none for one stream.
    first_token_added: Spread | None
    interrupt: Spread | None
    # Tokens read by the clients as a share of those the relay was to write.
    delivered_share: float


class Bench:
    """Drives one system; `relay` knows the other end of the story."""

    def __init__(self, system: System, relay: BenchRelay, plan: Plan) -> None:
        self.system = system
        self._relay = relay
        self.plan = plan
        self._sockets: list[BenchSocket] = []

    async def warm_up(self) -> None:
        """Have everything loaded and every cache filled before anything is measured."""
        await self.first_token(samples=5)

    async def first_token(self, samples: int = 0) -> Spread:
        """Ask one question after the other on an idle server."""
        (socket,) = await self.take(1)
        added = []
        for _ in range(samples or self.plan.samples):
            asked_ns, _ = await self._ask(socket, tokens=10, rate=1000)
            await socket.wait_for(self.system.done_marker)
            added.append(added_to_first_token_ns(asked_ns, socket.frames))
        return spread(added)

    async def interrupts(self, *, silent: bool) -> Spread:
        """Interrupt one answer after the other on an idle server; `silent` ones send nothing."""
        (socket,) = await self.take(1)
        took = []
        for _ in range(self.plan.samples):
            _, key = await self._ask(socket, tokens=1000, silent=silent)
            if not silent:
                await socket.wait_for(b"#5:")
            await asyncio.sleep(MOMENT_SECONDS)
            stopped_ns = time.monotonic_ns()
            self.system.interrupt(socket)
            await socket.wait_for(self.system.done_marker)
            await asyncio.sleep(MOMENT_SECONDS)
            took.append(self._until_close({key: stopped_ns}))
        return spread(time for times in took for time in times)

    async def burst(self) -> float:
        """Tokens a second of one answer that comes as fast as it is read, from the relay's first
        write to the client's last read."""
        (socket,) = await self.take(1)
        async with acknowledging([socket]):
            await self._ask(socket, tokens=self.plan.burst_tokens, rate=0)
            await socket.wait_for(self.system.done_marker)
        tokens = tokens_in(socket.frames)
        return len(tokens) / (tokens[-1].received_ns - tokens[0].sent_ns) * 10**9

    async def idle_kib(self) -> float:
        """Memory of one more idle connection, in KiB."""
        await self.take(10)
        await asyncio.sleep(1)
        before = machine.resident_bytes(self.system.pid)
        count = 10 + self.plan.idle_connections
        await self.take(count)
        await asyncio.sleep(1)
        grown = machine.resident_bytes(self.system.pid) - before
        return round(grown / 1024 / self.plan.idle_connections, 1)

    async def paced(self, streams: int) -> Paced:
        """Let `streams` answers come at the same time, RATE tokens a second each."""
        sockets = await self.take(streams)
        plan = self.plan
        ramp_seconds = START_SPACING_SECONDS * streams
        steady_seconds = SETTLE_SECONDS + plan.windows * plan.window_seconds
        rest_seconds = BACKLOG_SECONDS + plan.samples * INTERRUPT_SPACING_SECONDS
        tokens = int(RATE * (2 * ramp_seconds + steady_seconds + rest_seconds + 10))
        async with acknowledging(sockets):
            asked = await self.ask_all(sockets, tokens)
            await asyncio.sleep(SETTLE_SECONDS)
            windows = [await self.window() for _ in range(plan.windows)]
            await asyncio.sleep(BACKLOG_SECONDS if streams > 1 else 0)
            interrupt = await self._interrupt_some(sockets, asked) if streams > 1 else None
            answers = [tokens_in(socket.frames) for socket in sockets]
            await self.stop_all(sockets)
        steady = middle([stretch(answers, window) for window in windows])
        late = list(zip(sockets, asked, strict=True))[-max(1, streams // 4) :]
        first = [added_to_first_token_ns(at, socket.frames) for socket, (at, _) in late]
        expected = RATE * streams * plan.windows * plan.window_seconds
        return Paced(
            streams,
            steady,
            spread(first) if streams > 1 else None,
            interrupt,
            round(steady.tokens_received / expected, 3),
        )

    def close(self) -> None:
        """Leave."""
        for socket in self._sockets:
            socket.close()

    async def take(self, count: int) -> list[BenchSocket]:
        """The first `count` sockets, opened where they are not yet."""
        while len(self._sockets) < count:
            self._sockets.append(await self.system.open(len(self._sockets)))
        return self._sockets[:count]

    async def _ask(
        self, socket: BenchSocket, *, tokens: int, rate: int = RATE, silent: bool = False
    ) -> tuple[int, str]:
        """Send a message; give when (monotonic ns), and its key in the relay's log."""
        socket.forget()
        order = new_order(tokens, rate, silent=silent)
        message = self.system.ask(order)
        asked_ns = time.monotonic_ns()
        socket.send(message)
        await self.system.begun(socket)
        return asked_ns, order.key

    async def ask_all(self, sockets: Sequence[BenchSocket], tokens: int) -> list[tuple[int, str]]:
        """Ask on every socket, evenly spaced as far as the server keeps up."""
        asking = []
        for socket in sockets:
            asking.append(asyncio.ensure_future(self._ask(socket, tokens=tokens)))
            await asyncio.sleep(START_SPACING_SECONDS)
        asked = list(await asyncio.gather(*asking))
        for socket in sockets:
            await socket.wait_for(b"#0:")
        return asked

    async def window(self) -> Window:
        """Let a window pass, and note what it cost."""
        server, relay = self.system.pid, self._relay.pid
        begin_ns, before = time.monotonic_ns(), machine.cpu_seconds(server)
        load_before = machine.cpu_seconds(relay) + machine.cpu_alone_seconds()
        await asyncio.sleep(self.plan.window_seconds)
        end_ns, after = time.monotonic_ns(), machine.cpu_seconds(server)
        load_after = machine.cpu_seconds(relay) + machine.cpu_alone_seconds()
        return Window(begin_ns, end_ns, after - before, load_after - load_before)

    async def _interrupt_some(
        self, sockets: Sequence[BenchSocket], asked: Sequence[tuple[int, str]]
    ) -> Spread | None:
        """Interrupt some answers one by one while the others go on."""
        stopped_ns: dict[str, int] = {}
        count = min(self.plan.samples, len(sockets) // 2)
        for socket, (_, key) in list(zip(sockets, asked, strict=True))[:count]:
            stopped_ns[key] = time.monotonic_ns()
            self.system.interrupt(socket)
            await asyncio.sleep(INTERRUPT_SPACING_SECONDS)
        await asyncio.sleep(1)
        times = self._until_close(stopped_ns)
        return spread(times) if times else None

    def _until_close(self, stopped_ns: dict[str, int]) -> list[int]:
        """From sending an interrupt to the relay's seeing the close, for those it had read."""
        log = self._relay.log()
        return [
            seen.closed_ns - at_ns
            for key, at_ns in stopped_ns.items()
            if (seen := log.get(key)) and seen.read_ns < at_ns and seen.closed_ns is not None
        ]

    async def stop_all(self, sockets: Sequence[BenchSocket]) -> None:
        """Interrupt, and wait for the ends."""
        for socket in sockets:
            self.system.interrupt(socket)
        for socket in sockets:
            await socket.wait_for(self.system.done_marker)


@asynccontextmanager
async def acknowledging(sockets: list[BenchSocket]) -> AsyncIterator[None]:
    """Acknowledge for all of them meanwhile."""
    task = asyncio.create_task(acknowledge(sockets))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
