"""What this process tells others, and hears from them, over the channel layer.

One channel and one receive loop for the whole process: a socket does not depend on Redis. The layer
is at most once, drops silently, and may be away; so what it carries is only ever a hint to look, or
something that may be missed. Never a piece of an answer.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Message = dict[str, Any]
Handler = Callable[[Message], None]

CALL_SECONDS = 5.0
"""The layer answers within this time, or counts as away."""
RETRY_SECONDS = 1.0
"""Pause before an absent layer is tried again."""
REJOIN_SECONDS = 60.0
"""Groups are joined again this often: Redis forgets them when it loses its data."""
JOINED_SECONDS = 1.0
"""Who waits for groups to be joined waits no longer than this: without the layer it works too."""
MOST_WAITING = 2000
"""Messages that may wait for the layer; of more the oldest are lost."""


class Switchboard:
    """Groups of this process, each with those who listen to it here.

    `layer` None: there are no other processes. All methods run on the event loop; only those that
    are `async` wait.
    """

    def __init__(self, layer: Any, node: str) -> None:
        self.node = node
        self._layer = layer
        self._handlers: dict[str, dict[Handler, None]] = {}
        self._joined: set[str] = set()
        self._outbox: deque[tuple[str, Message]] = deque(maxlen=MOST_WAITING)
        self._wakeup = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._channel = ""
        self._tasks: list[asyncio.Task[None]] = []
        self.alive = False
        # Called when the layer is there (again): what was said meanwhile is lost.
        self.returns: set[Callable[[], None]] = set()

    def start(self) -> None:
        """Begin to receive and to send, in tasks owned by this object until `aclose`."""
        if self._layer is not None:
            self._tasks = [
                asyncio.create_task(self._receive(), name="switchboard in"),
                asyncio.create_task(self._work(), name="switchboard out"),
            ]
            self._wakeup.set()

    async def aclose(self) -> None:
        """Hear and say nothing any more; the groups are left."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            self._tasks = []
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await self._flush()
                    for group in self._joined:
                        await self._layer.group_discard(group, self._channel)
            except Exception as error:
                log.warning("channel_layer_failed", error=type(error).__name__)

    def listen(self, group: str, handler: Handler) -> None:
        """Hear what is said to a group, from now on here, and soon from other processes too."""
        self._handlers.setdefault(group, {})[handler] = None
        self._look()

    def leave(self, group: str, handler: Handler) -> None:
        """Hear it no more."""
        handlers = self._handlers.get(group, {})
        handlers.pop(handler, None)
        if not handlers:
            self._handlers.pop(group, None)
        self._look()

    async def joined(self) -> None:
        """Wait until other processes' words arrive, for a moment at most."""
        try:
            async with asyncio.timeout(JOINED_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            return

    def say(self, group: str, message: Message) -> None:
        """Tell everybody who listens to a group: here at once, elsewhere as the layer does."""
        self._hand_out(group, message)
        self.say_elsewhere(group, message)

    def say_elsewhere(self, group: str, message: Message) -> None:
        """Tell those who listen in other processes."""
        if self._layer is not None:
            self._outbox.append((group, message))
            self._wakeup.set()

    def _look(self) -> None:
        if self._layer is not None:
            self._settled.clear()
            self._wakeup.set()

    def _hand_out(self, group: str, message: Message) -> None:
        for handler in tuple(self._handlers.get(group, ())):
            try:
                handler(message)
            except Exception:
                log.exception("message_not_taken", kind=message.get("type"))

    async def _receive(self) -> None:
        self._channel = await self._layer.new_channel("tram")
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:
                self._lost(error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._take(message)

    def _take(self, message: Message) -> None:
        try:
            if message.get("from") != self.node:
                self._hand_out(message["group"], message["message"])
        except Exception:
            # Of another version, while a site is updated process by process.
            log.exception("message_not_taken", kind=message.get("type"))

    async def _work(self) -> None:
        """Join, leave and send, in this order: who asks a group something hears the answers."""
        loop = asyncio.get_running_loop()
        rejoin_at = loop.time() + REJOIN_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(rejoin_at):
                    await self._wakeup.wait()
            except TimeoutError:
                self._joined.clear()
                rejoin_at = loop.time() + REJOIN_SECONDS
            self._wakeup.clear()
            try:
                await self._catch_up()
            except Exception as error:
                self._lost(error)
                await asyncio.sleep(RETRY_SECONDS)
                self._wakeup.set()

    async def _catch_up(self) -> None:
        if not self._channel:
            # The other task names it at once.
            await asyncio.sleep(0)
        while self._joined != set(self._handlers):
            for group in set(self._handlers) - self._joined:
                async with asyncio.timeout(CALL_SECONDS):
                    await self._layer.group_add(group, self._channel)
                self._joined.add(group)
            for group in self._joined - set(self._handlers):
                async with asyncio.timeout(CALL_SECONDS):
                    await self._layer.group_discard(group, self._channel)
                self._joined.discard(group)
        self._settled.set()
        if not self.alive:
            self.alive = True
            for returned in tuple(self.returns):
                returned()
        await self._flush()

    async def _flush(self) -> None:
        while self._outbox:
            group, message = self._outbox[0]
            said = {"type": "told", "from": self.node, "group": group, "message": message}
            async with asyncio.timeout(CALL_SECONDS):
                await self._layer.group_send(group, said)
            self._outbox.popleft()

    def _lost(self, error: Exception) -> None:
        if self.alive:
            log.warning("channel_layer_failed", error=type(error).__name__)
        self.alive = False
        self._joined.clear()
        self._wakeup.set()
