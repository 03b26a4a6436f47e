"""The beat: renews this process's lease, looks for turns that must stop, for a database that is
lost, and for turns whose process died."""

import asyncio
from collections.abc import Collection
from typing import Protocol
from uuid import UUID

import structlog

from chat.services.errors import StorageUnavailable
from chat.services.leases import BeatAnswer, BeatOf
from chat.turns.journal import Journal
from chat.turns.orphans import Orphans, Strays
from chat.turns.records import TurnRecords
from chat.turns.running import RunningTurns

log = structlog.get_logger(__name__)

FIRST_BEAT_SECONDS = 5.0
"""So long an admission waits for the first beat: a turn must not name a process without a lease."""
AFTER_FAILURE_SECONDS = 0.5
"""A database that failed is asked again so soon: until it answers, sends are refused."""
SLOW_ANSWER_SECONDS = 5.0
"""A database that has not answered for so long is not asked for more. One that fails is noticed
sooner; a busy one takes a second or two for a commit, and must not be called away for that."""
RELEASE_SECONDS = 3.0
"""So long an end waits until the lease is given up; without, it runs out."""


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

    @property
    def running(self) -> RunningTurns:
        """The turns themselves."""

    @property
    def orphans(self) -> Orphans:
        """What other processes left behind."""


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
        self._first = asyncio.Event()
        # Loop times: of the question under way, of the newest one that was answered, of the first
        # one since which the lease never ran out.
        self._asked_at = 0.0
        self._renewed_at: float | None = None
        self._unbroken_since: float | None = None
        self._failing = False
        self._strays = Strays(lease_seconds)
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="beat")

    async def first(self) -> None:
        """Return once this process has a lease. Raises StorageUnavailable."""
        if self._first.is_set():
            return
        try:
            async with asyncio.timeout(FIRST_BEAT_SECONDS):
                await self._first.wait()
        except TimeoutError:
            raise StorageUnavailable from None

    def storage_fails(self) -> bool:
        """Whether the database fails or hangs, by what beat and journal saw of it lately."""
        if self._failing or self._journal.stall_seconds() > SLOW_ANSWER_SECONDS:
            return True
        if self._asking is None or self._asking.done():
            return False
        return asyncio.get_running_loop().time() - self._asked_at > SLOW_ANSWER_SECONDS

    def lease_age_seconds(self) -> float:
        """How long ago the lease was renewed; 0 before the first time."""
        if self._renewed_at is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._renewed_at

    async def aclose(self) -> None:
        """Stop beating, and give up the lease where the database answers."""
        tasks = {task for task in (self._task, self._asking, self._looking) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._owner.running_ids() or self.storage_fails():
            # Whoever takes over what is left waits until the lease has run out.
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._records.release(self._owner.node)
        except Exception as error:
            log.warning("lease_not_released", error=type(error).__name__)

    async def _run(self) -> None:
        while True:
            try:
                await self._beat()
            except Exception as error:
                # The next beat asks again.
                self._failing = True
                log.warning("beat_failed", error=type(error).__name__)
            pause = min(self._seconds, AFTER_FAILURE_SECONDS) if self._failing else self._seconds
            await asyncio.sleep(pause)
            self._journal.pulse()

    async def _beat(self) -> None:
        self._journal.pulse()
        if self._journal.storage_is_lost():
            self._owner.fail_all("storage_unavailable", "The database does not answer.")
        if self._asking is None:
            self._asked_at = asyncio.get_running_loop().time()
            self._asking = asyncio.create_task(self._ask(), name="beat's question")
        await asyncio.wait({self._asking}, timeout=self._seconds)
        if not self._asking.done():
            return
        asking, self._asking = self._asking, None
        answer = asking.result()
        if self._failing:
            log.info("beat_again")
        self._failing = False
        self._note_renewal(answer)
        for turn_id, by_id in answer.stop.items():
            self._owner.interrupt(turn_id, by_id)
        if answer.lost:
            self._owner.running.lose(answer.lost)
        running = set(self._owner.running_ids())
        self._look_after_others(
            self._strays.note(answer.stray - running, asyncio.get_running_loop().time())
        )

    async def _ask(self) -> BeatAnswer:
        owner = self._owner
        turn_ids = owner.running_ids()
        return await self._records.beat(BeatOf(owner.node, owner.role, owner.draining, turn_ids))

    def _note_renewal(self, answer: BeatAnswer) -> None:
        """By two clocks the lease must not have run out: the database's may jump, and ours stands
        still while the machine sleeps."""
        now = asyncio.get_running_loop().time()
        age = answer.age_seconds
        unbroken = (
            age is not None
            and 0 <= age < self._lease_seconds
            and self._renewed_at is not None
            and now - self._renewed_at < self._lease_seconds
        )
        if not unbroken or self._unbroken_since is None:
            if self._unbroken_since is not None:
                log.warning("lease_ran_out", age_seconds=age)
                self._journal.doubt()
            self._unbroken_since = now
        self._renewed_at = self._asked_at
        self._first.set()

    def may_adopt(self) -> bool:
        """Whether this process may take over the turns of others: after an outage of the database,
        or a sleep of the machine, all leases look old until everybody has beaten again."""
        if self._unbroken_since is None:
            return False
        unbroken_seconds = asyncio.get_running_loop().time() - self._unbroken_since
        return unbroken_seconds >= self._lease_seconds

    def _look_after_others(self, strays: Collection[UUID]) -> None:
        if not self.may_adopt() or (self._looking is not None and not self._looking.done()):
            return
        self._looking = asyncio.create_task(self._look(strays), name="look after others")

    async def _look(self, strays: Collection[UUID]) -> None:
        try:
            await self._owner.orphans.adopt_some(self._lease_seconds, strays)
        except Exception as error:
            # The next beat looks again.
            log.warning("others_not_looked_after", error=type(error).__name__)
