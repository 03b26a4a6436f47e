"""What the sockets of one process share: the switchboard, the lines, the company."""

import asyncio
import weakref

import structlog
from channels.layers import get_channel_layer
from django.conf import settings

from chat.consumers.company import Company
from chat.consumers.lines import LineTeller
from chat.consumers.switchboard import Message, Switchboard
from chat.crossing import cross
from chat.services.interruption import turns_to_stop
from chat.turns.engine import Engine
from chat.turns.engines import engine, made

log = structlog.get_logger(__name__)

PROCESSES = "processes"
"""The group of all processes."""


class Exchange:
    """Begins with the engine of its process and ends with it."""

    def __init__(self, running: Engine) -> None:
        self.loop = asyncio.get_running_loop()
        layer = get_channel_layer() if settings.SITE.redis_url else None
        self.switchboard = Switchboard(layer, running.node)
        self.lines = LineTeller(running.hub, settings.TURNS.waiting_look_seconds)
        self.company = Company(running.hub, self.switchboard, self.lines)
        self._engine = running
        self._stopping = asyncio.Event()
        self._stopper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, in tasks owned by this object until `aclose`."""
        self.switchboard.start()
        self.switchboard.listen(PROCESSES, self._hear)
        self.lines.start()
        self.company.start()
        self._stopper = asyncio.create_task(self._stop_unwanted(), name="unwanted turns")

    async def aclose(self) -> None:
        """End everything; other processes are told that nobody is here any more."""
        if self._stopper is not None:
            self._stopper.cancel()
            await asyncio.wait({self._stopper})
        await self.company.aclose()
        await self.lines.aclose()
        await self.switchboard.aclose()

    def _hear(self, message: Message) -> None:
        if message["type"] == "unwanted":
            self._stopping.set()

    async def _stop_unwanted(self) -> None:
        """Stop the turns that nobody can want any more, sooner than at the next beat."""
        while True:
            await self._stopping.wait()
            self._stopping.clear()
            try:
                stop = await cross(turns_to_stop, self._engine.running_ids())
            except Exception as error:
                # The beat asks the same.
                log.warning("unwanted_turns_not_read", error=type(error).__name__)
                continue
            for turn_id, by_id in stop.items():
                self._engine.interrupt(turn_id, by_id)


_exchanges: "weakref.WeakKeyDictionary[Engine, Exchange]" = weakref.WeakKeyDictionary()
_newest: Exchange | None = None


def exchange() -> Exchange:
    """The exchange of the running event loop, which begins with its engine."""
    return _exchanges[engine()]


def newest() -> Exchange | None:
    """The exchange of this process's server, for other threads; None where there is none."""
    return _newest if _newest is not None and _newest.loop.is_running() else None


def _begin(running: Engine) -> None:
    global _newest
    _exchanges[running] = _newest = Exchange(running)
    _newest.start()
    running.closings.append(_newest.aclose)


made.append(_begin)
