"""The engine: everything that runs turns in one process, put together and ended in order."""

import asyncio
import os
import socket
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DatabaseError

from chat.crossing import cross
from chat.services.ending import Ended, TurnEnd, end_turn
from chat.services.intents import Admitted
from chat.services.interruption import interrupt_requests
from chat.turns.allowance import Allowance
from chat.turns.endings import done_event
from chat.turns.hub import Hub
from chat.turns.journal import Journal, Rhythm
from chat.turns.live import LiveTurn
from chat.turns.relays import directory
from chat.turns.runner import AnswerStream, TurnRunner
from chat.turns.store import ChunkStore, DatabaseChunkStore
from chat.turns.viewer import Viewer

log = structlog.get_logger(__name__)

END_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to store an end while the database fails; the last one repeats."""


@dataclass(slots=True)
class _Running:
    runner: TurnRunner
    task: "asyncio.Task[None]"


class Engine:
    """Owns the tasks of all turns of this process."""

    def __init__(
        self,
        relays: AnswerStream,
        store: ChunkStore,
        rhythm: Rhythm,
        *,
        node: str,
        beat_seconds: float,
    ) -> None:
        self._relays = relays
        self.node = node
        self.hub = Hub()
        self.draining = False
        # What the sockets of this process do when it drains.
        self.goodbyes: set[Callable[[], Awaitable[None]]] = set()
        self._journal = Journal(store, rhythm)
        self._running: dict[UUID, _Running] = {}
        self._beat_seconds = beat_seconds
        self._beat: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin to journal and to listen for interrupts from elsewhere."""
        self._journal.start()
        self._beat = asyncio.create_task(self._beat_on(), name="beat")

    def launch(self, admitted: Admitted, by: Viewer | None = None) -> LiveTurn:
        """Run an admitted turn in a task of its own. `by` is the viewer that asked for it."""
        live = LiveTurn(admitted)
        runner = TurnRunner(
            live,
            self._relays,
            self._journal,
            tokens_left=Allowance(admitted).tokens_left,
            turn_timeout_seconds=settings.RELAY.turn_timeout_seconds,
        )
        self.hub.add(live, by)
        task = asyncio.create_task(self._own(live, runner), name=f"turn {live.id}")
        self._running[live.id] = _Running(runner, task)
        self._journal.live_turns = len(self._running)
        self._idle.clear()
        return live

    def interrupt(self, turn_id: UUID, by_id: int | None) -> bool:
        """Stop a turn of this process; false if it does not run here."""
        running = self._running.get(turn_id)
        if running is None:
            return False
        running.runner.stop(by_id=by_id)
        return True

    def running_count(self) -> int:
        """How many turns run here."""
        return len(self._running)

    async def drain(self, seconds: float) -> None:
        """Refuse new turns, let the running ones end, stop what is left after `seconds`."""
        self.draining = True
        farewell = asyncio.create_task(self._say_goodbye(), name="goodbye")
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            for running in list(self._running.values()):
                running.runner.stop(error=("restarting", "The server restarted."))
            await self._idle.wait()
        await farewell

    async def _say_goodbye(self) -> None:
        """Close the sockets one after the other, so that their clients do not all come at once."""
        goodbyes = list(self.goodbyes)
        pause = settings.SOCKETS.close_spread_seconds / max(1, len(goodbyes))
        for goodbye in goodbyes:
            await goodbye()
            await asyncio.sleep(min(pause, 0.05))

    async def aclose(self) -> None:
        """End everything; turns that still run are interrupted and settled."""
        await self.drain(0)
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.wait({self._beat})
        await self._journal.aclose()

    async def _own(self, live: LiveTurn, runner: TurnRunner) -> None:
        try:
            end = await runner.run()
            ended = await self._store_end(end)
            if ended is None:
                self.hub.end(live, "orphaned", None)
            else:
                self.hub.end(live, ended.state, done_event(ended))
        except Exception:
            log.exception("turn_failed", turn=str(live.id))
            self.hub.end(live, "orphaned", None)
        finally:
            del self._running[live.id]
            self._journal.live_turns = len(self._running)
            if not self._running:
                self._idle.set()

    async def _store_end(self, end: TurnEnd) -> Ended | None:
        """Store an end however long the database takes to come back: no turn is left unsettled."""
        attempt = 0
        while True:
            try:
                return await cross(end_turn, end)
            except DatabaseError as error:
                pause = END_RETRY_SECONDS[min(attempt, len(END_RETRY_SECONDS) - 1)]
                log.warning("turn_end_not_stored", turn=str(end.turn_id), error=str(error))
                attempt += 1
                await asyncio.sleep(pause)

    async def _beat_on(self) -> None:
        """Poll for interrupts that were asked elsewhere, and for a database that is lost."""
        while True:
            await asyncio.sleep(self._beat_seconds)
            if not self._running:
                continue
            if self._journal.storage_is_lost():
                for running in list(self._running.values()):
                    running.runner.stop(
                        "failed", error=("storage_unavailable", "The database does not answer.")
                    )
                continue
            try:
                requests = await cross(interrupt_requests, tuple(self._running))
            except DatabaseError:
                continue
            for turn_id, by_id in requests.items():
                self.interrupt(turn_id, by_id)


_engines: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Engine]" = (
    weakref.WeakKeyDictionary()
)


def engine() -> Engine:
    """The engine of the running event loop, started at its first use."""
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        _engines[loop] = made = Engine(
            directory(),
            DatabaseChunkStore(),
            _rhythm(),
            node=f"{socket.gethostname()}:{os.getpid()}"[:64],
            beat_seconds=settings.TURNS.beat_seconds,
        )
        made.start()
    return _engines[loop]


def forget_engine() -> Engine | None:
    """Take the running loop's engine out of use, to close it."""
    return _engines.pop(asyncio.get_running_loop(), None)


def _rhythm() -> Rhythm:
    turns = settings.TURNS
    return Rhythm(
        interval_seconds=turns.flush_interval_ms / 1000,
        interval_max_seconds=turns.flush_interval_max_ms / 1000,
        flush_bytes=turns.flush_bytes,
        stall_seconds=turns.journal_stall_ms / 1000,
        stop_seconds=turns.journal_stop_seconds,
    )
