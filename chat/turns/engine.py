"""The engine: everything that runs turns in one process, put together and ended in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings

from chat.protocol import Error
from chat.services.ending import Ended, TurnEnd
from chat.services.errors import Restarting, TooManyTurns
from chat.services.intents import Admitted
from chat.turns import metrics
from chat.turns.beat import Beat
from chat.turns.endings import done_event
from chat.turns.hub import Hub
from chat.turns.journal import Journal, Rhythm
from chat.turns.live import LiveTurn
from chat.turns.records import TurnRecords, store_end
from chat.turns.runner import AnswerStream, TurnRunner
from chat.turns.sentences import sentence_for
from chat.turns.store import ChunkStore
from chat.turns.viewer import Viewer

log = structlog.get_logger(__name__)

LAST_ENDS_SECONDS = 10.0
"""At the end of a drain the database has this long to take the last ends. What it does not take
is settled from the journal when the next embedded process starts."""


@dataclass(slots=True)
class _Running:
    runner: TurnRunner
    task: "asyncio.Task[None]"


class Engine:
    """Owns the tasks of all turns of this process, from their admission to their settlement."""

    def __init__(
        self,
        relays: AnswerStream,
        store: ChunkStore,
        records: TurnRecords,
        rhythm: Rhythm,
        *,
        node: str,
        beat_seconds: float,
        max_turns: int,
        last_ends_seconds: float = LAST_ENDS_SECONDS,
        after: Callable[[TurnEnd], Awaitable[None]] | None = None,
    ) -> None:
        """`after` is awaited for each turn whose end is stored and told."""
        self._relays = relays
        self._records = records
        self.node = node
        self.hub = Hub()
        self.draining = False
        # What the sockets of this process do when it drains.
        self.goodbyes: set[Callable[[], Awaitable[None]]] = set()
        self._journal = Journal(store, rhythm)
        self._running: dict[UUID, _Running] = {}
        self._admissions: set[asyncio.Task[Admitted]] = set()
        self._max_turns = max_turns
        self._after = after
        self._last_ends_seconds = last_ends_seconds
        self._stopping_all = False
        self._beat = Beat(self, records, self._journal, beat_seconds)
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin to journal, and to look for interrupts that came to other processes."""
        self._journal.start()
        self._beat.start()

    async def admit(
        self,
        store: Callable[[], Awaitable[Admitted]],
        tell: Callable[[Admitted], None],
        by: Viewer | None = None,
    ) -> Admitted:
        """Store a turn and run it, in a task of the engine's own: a turn that is stored runs, also
        when whoever asked for it goes away meanwhile.

        `store` stores it; `tell` is called before it runs, at once; `by` is the viewer that asked.
        Raises Restarting, TooManyTurns, and what `store` raises.
        """
        if self.draining:
            raise Restarting
        if len(self._running) + len(self._admissions) >= self._max_turns:
            raise TooManyTurns(
                "The server writes as many answers as it can. Try again in a moment.",
                limit_turns=self._max_turns,
            )
        admission = asyncio.create_task(self._admit(store, tell, by), name="admission")
        self._admissions.add(admission)
        self._idle.clear()
        admission.add_done_callback(self._admission_ended)
        return await asyncio.shield(admission)

    async def _admit(
        self,
        store: Callable[[], Awaitable[Admitted]],
        tell: Callable[[Admitted], None],
        by: Viewer | None,
    ) -> Admitted:
        admitted = await store()
        try:
            tell(admitted)
        finally:
            if admitted.created:
                self._launch(admitted, by)
        return admitted

    def _admission_ended(self, admission: "asyncio.Task[Admitted]") -> None:
        self._admissions.discard(admission)
        # Fetched here too: nobody may be left to whom a refusal matters.
        if not admission.cancelled():
            admission.exception()
        self._note_idle()

    def _launch(self, admitted: Admitted, by: Viewer | None) -> None:
        live = LiveTurn(admitted)
        metrics.turn_started()
        runner = TurnRunner(live, self._relays, self._journal)
        self.hub.add(live, by)
        task = asyncio.create_task(self._own(live, runner), name=f"turn {live.id}")
        self._running[live.id] = _Running(runner, task)
        self._journal.live_turns = len(self._running)
        if self._stopping_all:
            _stop_for_restart(runner)

    def interrupt(self, turn_id: UUID, by_id: int | None) -> bool:
        """Stop a turn of this process; false if it does not run here."""
        running = self._running.get(turn_id)
        if running is None:
            return False
        running.runner.stop(by_id=by_id)
        return True

    def fail_all(self, code: str, detail: str) -> None:
        """Stop every turn of this process as failed."""
        for running in list(self._running.values()):
            running.runner.stop("failed", error=(code, detail))

    def journal_stall_seconds(self) -> float:
        """How long the journal's commits have been failing; 0 while all is well."""
        return self._journal.stall_seconds()

    def running_ids(self) -> tuple[UUID, ...]:
        """The turns that run here."""
        return tuple(self._running)

    async def drain(self, seconds: float) -> None:
        """Refuse new turns, let the running ones end, stop what is left after `seconds`."""
        self.draining = True
        farewell = asyncio.create_task(self._say_goodbye(), name="goodbye")
        if not await self._becomes_idle(seconds):
            self._stopping_all = True
            for running in list(self._running.values()):
                _stop_for_restart(running.runner)
            if not await self._becomes_idle(self._last_ends_seconds):
                log.error("turns_not_settled", turns=[str(id) for id in self._running])
        await farewell

    async def _becomes_idle(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _say_goodbye(self) -> None:
        """Close the sockets one after the other, so that their clients do not all come at once."""
        goodbyes = list(self.goodbyes)
        pause = settings.SOCKETS.close_spread_seconds / max(1, len(goodbyes))
        for goodbye in goodbyes:
            try:
                await goodbye()
            except Exception:
                log.exception("goodbye_failed")
            await asyncio.sleep(min(pause, 0.05))

    async def aclose(self) -> None:
        """End everything; turns that still run are interrupted and settled."""
        await self.drain(0)
        left = [running.task for running in self._running.values()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        await self._beat.aclose()
        await self._journal.aclose()

    async def _own(self, live: LiveTurn, runner: TurnRunner) -> None:
        try:
            end = await runner.run()
            ended = await store_end(self._records, end)
            if ended is None:
                self._lose(live)
            else:
                self.hub.end(live, ended.state, done_event(ended, end.retry_after_seconds))
        except Exception:
            log.exception("turn_failed", turn=str(live.id))
            self._lose(live)
        else:
            if ended is not None and ended.by_this_call:
                await self._follow(end, ended)
        finally:
            del self._running[live.id]
            self._journal.live_turns = len(self._running)
            self._note_idle()

    async def _follow(self, end: TurnEnd, ended: Ended) -> None:
        """Do what comes after a turn was told: no fault of it changes what was told."""
        try:
            metrics.turn_ended(ended, end.attempts)
            if self._after is not None:
                await self._after(end)
        except Exception:
            log.exception("turn_not_followed", turn=str(end.turn_id))

    def _lose(self, live: LiveTurn) -> None:
        """Another process owns the turn now, or its end could not be stored: no `done` is known
        here, but whoever watches must not wait for it."""
        error = Error("internal_error", sentence_for("internal_error"), turn=live.id)
        self.hub.end(live, "orphaned", error)

    def _note_idle(self) -> None:
        if not self._running and not self._admissions:
            self._idle.set()


def _stop_for_restart(runner: TurnRunner) -> None:
    runner.stop(error=("restarting", "The server restarted."))
