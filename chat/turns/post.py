"""Messages to other processes from code that may not wait for the bus."""

import asyncio
from collections import deque

import structlog

from chat.turns.bus import Bus, Message

log = structlog.get_logger(__name__)

MOST_WAITING = 1024
"""Messages that may wait; of more the oldest are lost, as any message on the bus may be."""
LAST_SECONDS = 1.0
"""At the end what waits may still go out for this long."""


class Post:
    """Sends in the order given, one after the other, in a task of its own."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[tuple[str | None, Message]] = deque(maxlen=MOST_WAITING)
        self._something = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="post")

    def send(self, node: str, message: Message, *, urgent: bool = False) -> None:
        """Give a message to one process, before all that wait if it is urgent."""
        self._put((node, message), urgent)

    def tell_all(self, message: Message) -> None:
        """Give a message to every other process."""
        self._put((None, message), urgent=False)

    async def aclose(self) -> None:
        """Send what waits, as far as that is quick, then no more."""
        if self._task is None:
            return
        waiting = asyncio.ensure_future(self._empty.wait())
        await asyncio.wait(
            {waiting, self._task}, timeout=LAST_SECONDS, return_when="FIRST_COMPLETED"
        )
        for task in (waiting, self._task):
            task.cancel()
        await asyncio.wait({waiting, self._task})

    def _put(self, letter: tuple[str | None, Message], urgent: bool) -> None:
        if urgent:
            self._waiting.appendleft(letter)
        else:
            self._waiting.append(letter)
        self._empty.clear()
        self._something.set()

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                node, message = self._waiting.popleft()
                try:
                    if node is None:
                        await self._bus.tell_all(message)
                    else:
                        await self._bus.send(node, message)
                except Exception:
                    log.exception("message_not_sent", kind=type(message).__name__)
            self._empty.set()
