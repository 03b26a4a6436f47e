"""The engine: everything that runs turns in one process, put together and ended in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from chat.services.errors import Restarting, StorageUnavailable, TooManyTurns
from chat.services.intents import Admitted
from chat.turns.admissions import Admissions
from chat.turns.beat import Beat
from chat.turns.bus import Bus, LookForWork, Message, Stop
from chat.turns.farewell import say_goodbye
from chat.turns.handover import HandoverDesk, Handovers
from chat.turns.hub import Hub
from chat.turns.journal import Journal, Rhythm
from chat.turns.line import Lines, WaitingLine
from chat.turns.mirrors import Mirrors
from chat.turns.orphans import Orphans
from chat.turns.outlets import Outlets
from chat.turns.post import Post
from chat.turns.reading import TurnReader
from chat.turns.records import TurnRecords
from chat.turns.runner import AnswerStream
from chat.turns.running import After, RunningTurns
from chat.turns.settling import Settler
from chat.turns.spool import Spool
from chat.turns.store import ChunkStore
from chat.turns.unwanted import Unwanted
from chat.turns.viewer import Viewer

log = structlog.get_logger(__name__)

LAST_ENDS_SECONDS = 10.0
"""At the end of a drain the database has this long to take the last ends. What it does not take
is settled from the journal by whoever takes the turn over."""


@dataclass(frozen=True, slots=True)
class Seams:
    """Everything outside the engine that it talks to."""

    relays: AnswerStream
    store: ChunkStore
    records: TurnRecords
    reader: TurnReader
    bus: Bus


class Engine:
    """Owns the tasks of all turns of this process, from their admission to their settlement, and
    shows its clients the turns of others."""

    def __init__(
        self,
        seams: Seams,
        rhythm: Rhythm,
        *,
        node: str,
        role: str = "all",
        beat_seconds: float,
        lease_seconds: float = 10.0,
        follow_poll_seconds: float = 0.5,
        bus_frame_bytes: int = 65_536,
        alone: bool = False,
        max_turns: int,
        last_ends_seconds: float = LAST_ENDS_SECONDS,
        after: After | None = None,
        lines: Lines | None = None,
        line_look_seconds: float = 3.0,
        spool: Spool | None = None,
        desk: HandoverDesk | None = None,
    ) -> None:
        """`after` is awaited for each turn whose end is stored and told. Without `lines` no
        message waits for an answer's end; `spool` keeps ends that the database does not take.
        Without a `desk` no turn is handed from one process to another."""
        self.node = node
        self.role = role
        self.draining = False
        self.hub = Hub()
        self.bus = seams.bus
        self.records = seams.records
        # What the sockets of this process do when it drains.
        self.goodbyes: set[Callable[[], Awaitable[None]]] = set()
        self._journal = Journal(seams.store, rhythm)
        settler = Settler(seams.records, spool)
        self.running = RunningTurns(seams.relays, self._journal, settler, self.hub, after)
        self._journal.on_lost = self.running.lose
        self.orphans = Orphans(seams.records, seams.bus, settler, self.hub, node)
        self._post = Post(seams.bus)
        self.outlets = Outlets(self.hub, seams.bus, self._post, node, bus_frame_bytes)
        self.mirrors = Mirrors(
            self.hub, seams.bus, self._post, seams.reader, node, follow_poll_seconds, alone=alone
        )
        self.orphans.tell_here = self.mirrors.receive
        self._unwanted = Unwanted(self.interrupt_anywhere)
        self._admissions = Admissions(self.hub, seams.reader, lease_seconds / 4)
        self._max_turns = max_turns
        self._last_ends_seconds = last_ends_seconds
        # What else of this process ends with the engine.
        self.closings: list[Callable[[], Awaitable[None]]] = []
        self.handovers = Handovers(
            desk, self._launch, self._post, node=node, role=role, look_seconds=beat_seconds
        )
        self._line: WaitingLine | None = None
        # Where no turn runs none ends, and nobody is let go.
        if lines is not None and role != "web":
            self._line = WaitingLine(lines, self.admit, node, line_look_seconds)
            self.running.on_end = self._line.ended
        self.beat = Beat(self, seams.records, self._journal, beat_seconds, lease_seconds)

    def start(self) -> None:
        """Begin to journal, to beat, and to listen to other processes."""
        self._journal.start()
        self.bus.start(self.node, self._receive)
        self._post.start()
        self._unwanted.start()
        self.mirrors.start()
        self.beat.start()
        self.handovers.start()
        if self._line is not None:
            self._line.start()

    def _receive(self, message: Message) -> None:
        """Take what another process says. Nothing it says may end the listening."""
        try:
            if isinstance(message, Stop):
                self.running.interrupt(message.turn, message.by_id)
            elif isinstance(message, LookForWork):
                self.handovers.look()
            else:
                self.outlets.receive(message)
                self.mirrors.receive(message)
        except Exception:
            log.exception("message_not_taken", kind=type(message).__name__)

    async def admit(
        self,
        store: Callable[[], Awaitable[Admitted]],
        tell: Callable[[Admitted], None],
        by: Viewer | None = None,
    ) -> Admitted:
        """Store a turn and run it, in a task of the engine's own: a turn that is stored runs, also
        when whoever asked for it goes away meanwhile.

        `store` stores it; `tell` is called before it runs, at once; `by` is the viewer that asked.
        Raises Restarting, TooManyTurns, StorageUnavailable, and what `store` raises.
        """
        await self.beat.first()
        if self.draining:
            raise Restarting
        if self.beat.storage_fails():
            # Said at once: who waits for the database only learns it later.
            raise StorageUnavailable
        if len(self.running) + len(self._admissions) >= self._max_turns:
            raise TooManyTurns(
                "The server writes as many answers as it can. Try again in a moment.",
                limit_turns=self._max_turns,
            )
        return await self._admissions.run(self._admit(store, tell, by))

    async def _admit(
        self,
        store: Callable[[], Awaitable[Admitted]],
        tell: Callable[[Admitted], None],
        by: Viewer | None,
    ) -> Admitted:
        admitted = await self._admissions.stored(store)
        try:
            tell(admitted)
        finally:
            if admitted.created and self.role == "web":
                self.mirrors.follow([self.handovers.tell(admitted)], by)
            elif admitted.created:
                self._launch(admitted, by)
        return admitted

    def _launch(self, admitted: Admitted, by: Viewer | None = None) -> None:
        self.outlets.announce(self.running.launch(admitted, by))

    def interrupt(self, turn_id: UUID, by_id: int | None) -> bool:
        """Stop a turn of this process; false if it does not run here."""
        return self.running.interrupt(turn_id, by_id)

    def interrupt_at(self, node: str, turn_id: UUID, by_id: int | None) -> None:
        """Ask the owner of a turn to stop it, before anything else that is to be said. That it may
        get lost is why the database is told too."""
        self._post.send(node, Stop(self.node, turn_id, by_id), urgent=True)

    def interrupt_anywhere(self, turn_id: UUID, by_id: int | None) -> None:
        """Stop a turn at once, wherever it runs, as far as the bus carries."""
        if not self.interrupt(turn_id, by_id):
            self._post.tell_all(Stop(self.node, turn_id, by_id))

    def journal_stall_seconds(self) -> float:
        """How long the journal's commits have been failing; 0 while all is well."""
        return self._journal.stall_seconds()

    def running_ids(self) -> tuple[UUID, ...]:
        """The turns that run here."""
        return self.running.ids()

    def fail_all(self, code: str, detail: str) -> None:
        """Stop every turn of this process as failed."""
        self.running.fail_all(code, detail)

    async def drain(self, seconds: float) -> None:
        """Refuse new turns, let the running ones end, stop what is left after `seconds`."""
        self.draining = True
        if self._line is not None:
            await self._line.aclose()
        await self.handovers.drain()
        farewell = asyncio.create_task(say_goodbye(self.goodbyes), name="goodbye")
        if not await self._becomes_idle(seconds):
            self.running.stop_all_for_restart()
            if not await self._becomes_idle(self._last_ends_seconds):
                # Waited for once: the end of all that follows does not wait again.
                self._last_ends_seconds = 0.0
                log.error("turns_not_settled", turns=[str(id) for id in self.running.ids()])
        await farewell

    async def _becomes_idle(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                # An admission that ends launches its turn before it counts as ended.
                await self._admissions.none.wait()
                await self.running.idle.wait()
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """End everything; turns that still run are interrupted and settled."""
        await self.handovers.aclose()
        await self.drain(0)
        for close in self.closings:
            await close()
        await self.running.aclose()
        self._unwanted.close()
        await self.mirrors.aclose()
        await self.outlets.aclose()
        await self._post.aclose()
        await self.beat.aclose()
        await self.bus.aclose()
        await self._journal.aclose()
