"""The ear of one process in Redis: begins anew after every failure, and proves itself alive."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chat.turns import metrics

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 1.0
REPLY_SECONDS = 2.0
"""A probe that has not come back by now is lost."""
FIRST_PAUSE_SECONDS = 0.1
LAST_PAUSE_SECONDS = 2.0
PROBE = b"probe:"
"""No message in MessagePack begins so."""
FAILURES = (RedisError, OSError, TimeoutError)


class Deaf(RedisError):
    """What was sent through Redis did not come back."""


class Listener:
    """Listens to channels. `say` publishes a probe on the first of them, `hear` is called with
    every other message."""

    def __init__(
        self,
        redis_url: str,
        channels: tuple[str, ...],
        *,
        say: Callable[[bytes], Awaitable[bool]],
        hear: Callable[[bytes], None],
        probe_seconds: float,
    ) -> None:
        self.alive = False
        self._redis_url = redis_url
        self._channels = channels
        self._say = say
        self._hear = hear
        self._probe_seconds = probe_seconds
        self._subscribed = asyncio.Event()
        self._doubted = asyncio.Event()
        self._probe = b""
        self._proven = asyncio.Event()
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="bus listener")

    def doubt(self, error: Exception) -> None:
        """Something went wrong with Redis: not alive until a probe has come back."""
        if self.alive:
            self._lost(error)
        self._doubted.set()

    async def aclose(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self.alive = False

    async def _run(self) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._listen()
            except FAILURES as error:
                self._lost(error)
            except Exception as error:
                log.exception("bus_listener_failed")
                self._lost(error)
            pause_seconds = min(2 * pause_seconds, LAST_PAUSE_SECONDS)
            if self._proven.is_set():
                pause_seconds = FIRST_PAUSE_SECONDS
            # Not all processes at the same moment.
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311
            metrics.BUS_RECONNECTS.inc()

    async def _listen(self) -> None:
        """Listen on one connection until it fails."""
        self._subscribed.clear()
        self._proven.clear()
        # Whoever listens waits for ever, and the probe knows better. No silent reconnecting: what
        # was said meanwhile is lost, and must count as lost.
        redis: Redis = Redis.from_url(
            self._redis_url,
            socket_timeout=None,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0, ()),
        )
        pubsub = redis.pubsub()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await pubsub.subscribe(*self._channels)
            await _first_failure(self._read(pubsub), self._prove())
        finally:
            self.alive = False
            with contextlib.suppress(*FAILURES):
                await pubsub.aclose()  # type: ignore[no-untyped-call]
            with contextlib.suppress(*FAILURES):
                await redis.aclose()

    async def _read(self, pubsub: PubSub) -> None:
        subscribed = 0
        while True:
            message: Any = await pubsub.get_message(timeout=None)
            if message is None:
                continue
            if message["type"] == "subscribe":
                subscribed += 1
                if subscribed == len(self._channels):
                    self._subscribed.set()
            elif message["type"] == "message":
                self._take(message["data"])

    def _take(self, data: bytes) -> None:
        if not data.startswith(PROBE):
            self._hear(data)
        elif data == self._probe:
            self._proven.set()

    async def _prove(self) -> None:
        """Prove at once, every `probe_seconds` and after each doubt that what is said is heard."""
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._subscribed.wait()
        while True:
            self._doubted.clear()
            self._proven.clear()
            self._probe = PROBE + secrets.token_bytes(12)
            async with asyncio.timeout(REPLY_SECONDS):
                if not await self._say(self._probe):
                    raise Deaf
                await self._proven.wait()
            if not self._doubted.is_set():
                self._found()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._probe_seconds):
                    await self._doubted.wait()

    def _found(self) -> None:
        self.alive = True
        if self._failing:
            self._failing = False
            log.info("bus_with_redis_again")

    def _lost(self, error: Exception) -> None:
        self.alive = False
        if not self._failing:
            self._failing = True
            log.warning("bus_without_redis", error=type(error).__name__)


async def _first_failure(*endless: Any) -> None:
    """Run until one of them fails, and end the others."""
    tasks = {asyncio.create_task(each, name="bus connection") for each in endless}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            # Both may have failed; one failure is told.
            if not task.cancelled():
                task.exception()
