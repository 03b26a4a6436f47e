"""What one process says through Redis: in order, in few round trips, and never for long."""

import asyncio
import math
from collections.abc import Callable, Sequence

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 1.0
"""After Redis did not answer nothing is sent for so long, but for what asks whether it is back."""
BATCH_PARTS = 64
"""Messages in one round trip."""
WAITING_BYTES = 4 * 1024 * 1024
"""What may wait for Redis in one process, however few messages it is."""
FAILURES = (RedisError, OSError, TimeoutError)


class Outgoing:
    """The parts of one message on their way; `done` is whether Redis took them all."""

    def __init__(self, channel: str, parts: Sequence[bytes]) -> None:
        self.channel = channel
        self.parts = parts
        self.size_bytes = sum(map(len, parts))
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def end(self, taken: bool) -> None:
        """Tell who waits, if anybody still does."""
        if not self.done.done():
            self.done.set_result(taken)


class Publisher:
    """Publishes from one task. `failed` is called whenever Redis did not take something."""

    def __init__(self, redis_url: str, queue_messages: int, failed: Callable[[Exception], None]):
        # Not once more by itself: what it sent before a failure would be heard twice.
        self._redis: Redis = Redis.from_url(
            redis_url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0, ()),
        )
        self._waiting: asyncio.Queue[Outgoing] = asyncio.Queue(queue_messages)
        self._waiting_bytes = 0
        self._failed = failed
        self._paused_until = -math.inf
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to publish, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="bus publisher")

    async def publish(
        self, channel: str, parts: Sequence[bytes], *, although_paused: bool = False
    ) -> bool:
        """Publish parts after one another; false where they may not all have gone out. Waits about
        two timeouts at most."""
        paused = _now() < self._paused_until and not although_paused
        if self._closed or paused or self._waiting.full():
            return False
        outgoing = Outgoing(channel, parts)
        if self._waiting_bytes + outgoing.size_bytes > WAITING_BYTES:
            return False
        self._waiting_bytes += outgoing.size_bytes
        self._waiting.put_nowait(outgoing)
        return await outgoing.done

    async def aclose(self) -> None:
        """Publish nothing any more, and give back the connection."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._end_waiting()
        await self._disconnect()

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty() and sum(len(o.parts) for o in batch) < BATCH_PARTS:
                batch.append(self._waiting.get_nowait())
            taken = False
            try:
                taken = await self._publish(batch)
            finally:
                for outgoing in batch:
                    self._waiting_bytes -= outgoing.size_bytes
                    outgoing.end(taken)
            if not taken:
                self._end_waiting()
                await self._disconnect()

    async def _publish(self, batch: Sequence[Outgoing]) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                pipeline = self._redis.pipeline(transaction=False)
                for outgoing in batch:
                    for part in outgoing.parts:
                        pipeline.publish(outgoing.channel, part)
                await pipeline.execute()
        except Exception as error:
            if not isinstance(error, FAILURES):
                # Whatever it is: who waits here would wait for ever for a task that ended.
                log.exception("bus_publisher_failed")
            self._paused_until = _now() + PAUSE_SECONDS
            self._failed(error)
            return False
        self._paused_until = -math.inf
        return True

    def _end_waiting(self) -> None:
        while not self._waiting.empty():
            outgoing = self._waiting.get_nowait()
            self._waiting_bytes -= outgoing.size_bytes
            outgoing.end(False)

    async def _disconnect(self) -> None:
        """A reply that comes too late must not be taken for the next one's."""
        try:
            await self._redis.connection_pool.disconnect()
        except Exception:
            # Closed all the same; only its last words found nobody.
            return


def _now() -> float:
    return asyncio.get_running_loop().time()
