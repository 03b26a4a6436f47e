"""Gates for tests, over counts in memory or in a real Redis, and time that passes on demand."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from uuid import UUID, uuid4

from redis.asyncio import Redis

from chat.relay.gates import Claim
from chat.relay.types import WaitingNotice
from chat.turns.limits.gate import LimitedGate
from chat.turns.limits.link import Link
from chat.turns.limits.memory import MemoryMeter
from chat.turns.limits.meter import KeyLimits
from chat.turns.limits.scripts import KEYS
from chat.turns.limits.shared import PREFIX, SharedMeter

ALICE, BOB, CHARLIE = 1, 2, 3
TEAM = UUID(int=7)


def claim(person: int = ALICE, tokens: int = 0) -> Claim:
    return Claim(uuid4(), person, TEAM, tokens)


class Bench:
    """Makes gates before one and the same key."""

    def __init__(self, redis_url: str | None) -> None:
        self._redis_url = redis_url
        self.redis = None if redis_url is None else Redis.from_url(redis_url)
        self.name = uuid4().hex
        self._passed_seconds = 0.0
        self._memory = MemoryMeter(lambda: time.monotonic() + self._passed_seconds)
        self._gates: list[LimitedGate] = []
        self._links: list[Link] = []

    def gate(self, limits: KeyLimits, **options: float) -> LimitedGate:
        """In Redis each gate is as of a process of its own."""
        meter: MemoryMeter | SharedMeter = self._memory
        if self._redis_url is not None:
            self._links.append(Link(self._redis_url))
            meter = SharedMeter(self._links[-1], self.name)
        options = {"queue_seconds": 120.0, **options}
        gate = LimitedGate(meter, limits, **options)  # type: ignore[arg-type]
        self._gates.append(gate)
        return gate

    def processes(self, number: int, limits: KeyLimits) -> list[LimitedGate]:
        """The gates of several processes; counts in memory are those of one."""
        return [self.gate(limits) for _ in range(1 if self.redis is None else number)]

    def key(self, part: str) -> str:
        assert part in KEYS
        return f"{PREFIX}:{{{self.name}}}:{part}"

    async def pass_seconds(self, seconds: float) -> None:
        """Let the counts believe that so much time has passed."""
        self._passed_seconds += seconds
        if self.redis is None:
            return
        for part in ("requests", "leases", "fresh"):
            entries: Any = await self.redis.zrange(self.key(part), 0, -1, withscores=True)
            for member, score in entries:
                await self.redis.zadd(self.key(part), {member: score - seconds * 1000})
        if await self.redis.exists(self.key("bucket")):
            await self.redis.hincrby(self.key("bucket"), "at", -round(seconds * 1000))
        if (left_ms := await self.redis.pttl(self.key("hold"))) > 0:
            await self.redis.pexpire(self.key("hold"), max(1, round(left_ms - seconds * 1000)))

    async def aclose(self) -> None:
        for gate in self._gates:
            await gate.aclose()
        for link in self._links:
            await link.aclose()
        if self.redis is not None:
            await self.redis.aclose()


@asynccontextmanager
async def bench(redis_url: str | None) -> AsyncIterator[Bench]:
    """Gates over `redis_url`, or over memory; all closed in the end."""
    made = Bench(redis_url)
    try:
        yield made
    finally:
        while Visit.open:
            await Visit.open.pop().give_up()
        await made.aclose()


class Visit:
    """A turn at a gate, in a task of its own that ends with the bench."""

    open: ClassVar[list["Visit"]] = []

    def __init__(self, gate: LimitedGate, wanted: Claim) -> None:
        self.gate = gate
        self.claim = wanted
        self.notices: list[WaitingNotice] = []
        self.through = asyncio.Event()
        self.task = asyncio.create_task(self._enter())
        self.open.append(self)

    async def _enter(self) -> None:
        async for notice in self.gate.enter(self.claim):
            self.notices.append(notice)
        self.through.set()

    @property
    def positions(self) -> list[int | None]:
        return [notice.position for notice in self.notices]

    async def goes_through(self, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            await self.task

    async def leave(self, tokens: int | None = 0) -> None:
        await self.gate.leave(self.claim, tokens=tokens)

    async def give_up(self) -> None:
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task})


async def enters_at_once(gate: LimitedGate, wanted: Claim) -> bool:
    """Whether a turn goes through without a word; one that would wait leaves."""
    visit = Visit(gate, wanted)
    while not visit.task.done() and not visit.notices:
        await asyncio.sleep(0.001)
    if visit.task.done():
        await visit.task
        return True
    await visit.give_up()
    return False
