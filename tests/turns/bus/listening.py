"""Buses of several processes on one Redis, and what each of them heard."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from chat.turns.bus import Frames, LookForWork, Message, Piece
from chat.turns.bus.redis import RedisBus

WAIT_SECONDS = 60.0


class Process:
    """One process's bus, under a name that no other test has."""

    def __init__(self, redis_url: str, *, probe_seconds: float = 3600.0, **limits: int) -> None:
        self.name = f"node-{uuid4().hex}"
        self.heard: list[Message] = []
        self.failing = False
        self.bus = RedisBus(
            redis_url,
            probe_seconds=probe_seconds,
            message_bytes=limits.get("message_bytes", 65_536),
            queue_messages=limits.get("queue_messages", 1024),
        )

    def receive(self, message: Message) -> None:
        self.heard.append(message)
        if self.failing:
            raise ValueError

    def say(self, number: int) -> Message:
        """A message that carries a number."""
        return LookForWork(self.name, UUID(int=number))

    @property
    def numbers(self) -> list[int]:
        """The numbers heard, in order."""
        return [message.turn.int for message in self.heard if isinstance(message, LookForWork)]

    @property
    def pieces(self) -> list[Piece]:
        """The pieces heard, in order."""
        return [
            piece
            for message in self.heard
            if isinstance(message, Frames)
            for piece in message.pieces
        ]

    async def __aenter__(self) -> "Process":
        self.bus.start(self.name, self.receive)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bus.aclose()


@asynccontextmanager
async def process(redis_url: str, **options: float) -> AsyncIterator[Process]:
    """A process whose bus is alive."""
    async with Process(redis_url, **options) as made:  # type: ignore[arg-type]
        await eventually(lambda: made.bus.alive)
        yield made


async def eventually(condition: Callable[[], object]) -> None:
    """Wait for something that goes through Redis."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
