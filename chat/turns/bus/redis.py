"""The bus over Redis: a channel for each process, and one for all."""

import asyncio

import msgspec
import structlog

from chat.turns import metrics
from chat.turns.bus.base import Receive
from chat.turns.bus.fitting import fit
from chat.turns.bus.listener import Listener
from chat.turns.bus.messages import Message, decode
from chat.turns.bus.publisher import Publisher

log = structlog.get_logger(__name__)

TO_ALL = "tram:nodes"
BATCH_MESSAGES = 64
"""After so many messages in a row the event loop does something else."""


def channel_of(node: str) -> str:
    """The channel that one process listens to."""
    return f"tram:node:{node}"


class RedisBus:
    """Carries messages through Redis. `alive` means that what this process sends came back to it
    and that nothing failed since. Nothing here raises, or waits longer than a few seconds."""

    def __init__(
        self, redis_url: str, *, probe_seconds: float, message_bytes: int, queue_messages: int
    ) -> None:
        self._redis_url = redis_url
        self._probe_seconds = probe_seconds
        self._message_bytes = message_bytes
        self._node = ""
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue(queue_messages)
        self._publisher = Publisher(redis_url, queue_messages, self._doubt)
        self._listener: Listener | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, node: str, receive: Receive) -> None:
        """Begin to listen as `node`, in tasks owned by this object until `aclose`."""
        self._node = node
        own = channel_of(node)
        self._listener = Listener(
            self._redis_url,
            (own, TO_ALL),
            say=lambda probe: self._publisher.publish(own, [probe], although_paused=True),
            hear=self._hear,
            probe_seconds=self._probe_seconds,
        )
        self._publisher.start()
        self._listener.start()
        self._task = asyncio.create_task(self._hand_over(receive), name="bus receiver")

    @property
    def alive(self) -> bool:
        """Whether messages of others arrive here, as far as is known now."""
        return self._listener is not None and self._listener.alive

    async def send(self, node: str, message: Message) -> bool:
        """Give a message to one process; false where it may not have gone out."""
        return await self._send(channel_of(node), message)

    async def tell_all(self, message: Message) -> bool:
        """Give a message to every other process; false where it may not have gone out."""
        return await self._send(TO_ALL, message)

    async def aclose(self) -> None:
        """Stop listening and give back all connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._listener is not None:
            await self._listener.aclose()
        await self._publisher.aclose()

    def _doubt(self, error: Exception) -> None:
        if self._listener is not None:
            self._listener.doubt(error)

    async def _send(self, channel: str, message: Message) -> bool:
        parts = fit(message, self._message_bytes)
        if parts and await self._publisher.publish(channel, parts):
            metrics.BUS_MESSAGES.labels("out").inc(len(parts))
            return True
        metrics.BUS_DROPPED.inc()
        return False

    def _hear(self, data: bytes) -> None:
        try:
            self._inbox.put_nowait(data)
        except asyncio.QueueFull:
            metrics.BUS_DROPPED.inc()

    async def _hand_over(self, receive: Receive) -> None:
        """Decode what was heard, apart from the listening: who is slow here loses messages, and
        is not cut off by Redis."""
        handled = 0
        while True:
            data = await self._inbox.get()
            self._take(data, receive)
            handled += 1
            if handled % BATCH_MESSAGES == 0:
                await asyncio.sleep(0)

    def _take(self, data: bytes, receive: Receive) -> None:
        try:
            message = decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Of another version, while a site is updated process by process.
            metrics.BUS_DROPPED.inc()
            log.warning("bus_message_not_understood", size_bytes=len(data))
            return
        if message.node == self._node:
            return
        metrics.BUS_MESSAGES.labels("in").inc()
        try:
            receive(message)
        except Exception:
            log.exception("bus_message_failed", message_type=type(message).__name__)
