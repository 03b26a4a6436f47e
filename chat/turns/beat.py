"""The beat: renews this process's lease, and looks for turns that must stop and for a database that
is lost."""

import asyncio
from typing import Protocol
from uuid import UUID

import structlog

from chat.services.leases import BeatAnswer, BeatOf
from chat.turns.journal import Journal
from chat.turns.records import TurnRecords

log = structlog.get_logger(__name__)


class Owner(Protocol):
    """Who owns the running turns: the engine."""

    node: str
    role: str
    draining: bool

    def running_ids(self) -> tuple[UUID, ...]:
        """The turns that run here."""

    def interrupt(self, turn_id: UUID, by_id: int | None) -> bool:
        """Stop one of them."""

    def fail_all(self, code: str, detail: str) -> None:
        """Stop all of them as failed."""


class Beat:
    """Polls: what another process was asked to stop here stops within a beat."""

    def __init__(
        self,
        owner: Owner,
        records: TurnRecords,
        journal: Journal,
        seconds: float,
        lease_seconds: float,
    ) -> None:
        self._owner = owner
        self._records = records
        self._journal = journal
        self._seconds = seconds
        self._lease_seconds = lease_seconds
        self._task: asyncio.Task[None] | None = None
        # A question that the database has not answered yet; another one is not asked meanwhile.
        self._asking: asyncio.Task[BeatAnswer] | None = None

    def start(self) -> None:
        """Begin to beat, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="beat")

    async def aclose(self) -> None:
        """Stop beating."""
        tasks = {task for task in (self._task, self._asking) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._beat()
            except Exception as error:
                # The next beat asks again.
                log.warning("beat_failed", error=type(error).__name__)

    async def _beat(self) -> None:
        turn_ids = self._owner.running_ids()
        if self._journal.storage_is_lost():
            self._owner.fail_all("storage_unavailable", "The database does not answer.")
            return
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(turn_ids), name="turns to stop")
        await asyncio.wait({self._asking}, timeout=self._seconds)
        if not self._asking.done():
            return
        answer, self._asking = self._asking, None
        for turn_id, by_id in answer.result().stop.items():
            self._owner.interrupt(turn_id, by_id)

    async def _ask(self, turn_ids: tuple[UUID, ...]) -> BeatAnswer:
        owner = self._owner
        return await self._records.beat(BeatOf(owner.node, owner.role, owner.draining, turn_ids))
