"""The seams of an engine over the database of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from accounts.policy import NotVisible
from chat.protocol import Chunk
from chat.queries.running import RunningTurn, TurnReading
from chat.services.ending import Ended, TurnEnd
from chat.services.leases import BeatAnswer, BeatOf
from chat.turns.spool import Spool
from tests.simulation.database import Database
from tests.simulation.virtual_time import VirtualLoop


class SimulatedStore:
    """The journal's store; remembers since when a commit hangs or fails."""

    def __init__(self, database: Database, loop: VirtualLoop) -> None:
        self._database = database
        self._loop = loop
        self.waiting_since: float | None = None

    async def append(self, chunks: Sequence[Chunk]) -> Collection[UUID]:
        """Commit the chunks."""
        if self.waiting_since is None:
            self.waiting_since = self._loop.time()
        tables = self._database.tables
        lost = await self._database.ask("append", lambda: tables.append(chunks))
        self.waiting_since = None
        return lost

    def stalled(self, after_seconds: float) -> bool:
        """Whether chunks wait for longer than this."""
        since = self.waiting_since
        return since is not None and self._loop.time() - since >= after_seconds

    async def aclose(self) -> None:
        """Nothing to give back."""


class SimulatedRecords:
    """Ends and leases."""

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._tables = database.tables
        self._node = node

    async def end(self, end: TurnEnd) -> Ended | None:
        """One transaction."""
        return await self._database.ask("end", lambda: self._tables.end_turn(end))

    async def stored_end(self, turn_id: UUID) -> Ended | None:
        """How it ended."""
        try:
            return await self._database.ask("stored end", lambda: self._tables.stored_end(turn_id))
        except NotVisible:
            return None

    async def beat(self, of: BeatOf) -> BeatAnswer:
        """Renew the lease."""
        return await self._database.ask("beat", lambda: self._tables.beat(of))

    async def orphans(self, lease_seconds: float) -> Sequence[UUID]:
        """Turns without a living owner."""
        orphans, node = self._tables.orphans, self._node
        return await self._database.ask("orphans", lambda: orphans(lease_seconds, node))

    async def adopt(self, turn_id: UUID) -> Ended | None:
        """Two transactions, between which all may happen."""
        tables = self._tables
        epoch = await self._database.ask("take over", lambda: tables.take_over(turn_id))
        if epoch is None:
            return None
        return await self._database.ask("recover", lambda: tables.journaled_end(turn_id, epoch))

    async def complete(self, end: TurnEnd) -> bool:
        """Complete a text."""
        return await self._database.ask("complete", lambda: self._tables.complete(end))

    async def release(self, node: str) -> None:
        """Give the lease up."""
        await self._database.ask("release", lambda: self._tables.release(node))


class SimulatedSpool(Spool):
    """The folder of one machine, in memory."""

    def __init__(self) -> None:
        self._kept: dict[UUID, TurnEnd] = {}

    def keep(self, end: TurnEnd) -> None:
        """Keep an end."""
        self._kept[end.turn_id] = end

    def remove(self, turn_id: UUID) -> None:
        """Forget an end."""
        self._kept.pop(turn_id, None)

    def ends(self) -> Iterator[TurnEnd]:
        """What is kept."""
        return iter(list(self._kept.values()))


class SimulatedReader:
    """Turns of other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables = database.tables

    async def running_in(self, conversation_ids: Collection[UUID]) -> Sequence[RunningTurn]:
        """The running turns."""
        wanted = tuple(conversation_ids)
        return await self._database.ask("running", lambda: self._tables.lately_in(wanted))

    async def read(self, after: Mapping[UUID, int]) -> Mapping[UUID, TurnReading]:
        """Their journals."""
        wanted = dict(after)
        return await self._database.ask("read", lambda: self._tables.read(wanted))
