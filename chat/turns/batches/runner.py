"""The batches that a process works on."""

import asyncio
from uuid import UUID

import structlog

from chat.crossing import cross
from chat.services.batch_taking import give_back, take_batches
from chat.turns.batches.work import BatchWork
from chat.turns.engine import Engine

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 20
"""Batches that one process works on; the others wait, or another process takes them."""
TAKEN_AT_A_LOOK = 1
"""So that several processes share what there is."""
LAST_ENDS_SECONDS = 5.0
"""At the end, the turns that the drain interrupted are noted as ended within this time; what is
not noted is found by whoever takes the batch."""


class BatchRunner:
    """Looks for batches every `look_seconds`, and has a task for each that this process works on.

    All together have at most `most_turns` turns under way: what people ask has room beside them.
    """

    def __init__(
        self, engine: Engine, *, look_seconds: float, lease_seconds: float, most_turns: int
    ) -> None:
        self._engine = engine
        self._look_seconds = look_seconds
        self._lease_seconds = lease_seconds
        self._most_turns = most_turns
        self._works: dict[UUID, tuple[BatchWork, asyncio.Task[None]]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="batches")

    async def aclose(self) -> None:
        """Note the last ends, and let others take the batches at once. After the engine's drain."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        try:
            async with asyncio.timeout(LAST_ENDS_SECONDS):
                await asyncio.gather(*(work.quiet() for work, _ in self._works.values()))
        except TimeoutError:
            log.warning("batch_lines_not_ended")
        tasks = {task for _, task in self._works.values()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(LAST_ENDS_SECONDS):
                await cross(give_back, self._engine.node)
        except Exception as error:
            # Others take them when this process's lease has run out.
            log.warning("batches_not_given_back", error=type(error).__name__)

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Exception as error:
                # The next look asks again.
                log.warning("batches_not_read", error=type(error).__name__)
            await asyncio.sleep(self._look_seconds)

    async def _look(self) -> None:
        if self._engine.draining:
            return
        # Who has no lease must own nothing.
        await self._engine.beat.first()
        room = min(TAKEN_AT_A_LOOK, MOST_AT_ONCE - len(self._works))
        mine = await cross(
            take_batches,
            self._engine.node,
            lease_seconds=self._lease_seconds,
            adopt=self._engine.beat.may_adopt(),
            room=room,
        )
        for batch_id in mine:
            if batch_id not in self._works and not self._engine.draining:
                self._begin(batch_id)

    def _begin(self, batch_id: UUID) -> None:
        work = BatchWork(
            batch_id, self._engine, look_seconds=self._look_seconds, may_begin=self._has_room
        )
        task = asyncio.create_task(self._work(work), name=f"batch {batch_id}")
        self._works[batch_id] = (work, task)

    async def _work(self, work: BatchWork) -> None:
        try:
            await work.run()
        except Exception:
            # Taken up again by the next look.
            log.exception("batch_failed", batch=str(work.batch_id))
            await asyncio.sleep(self._look_seconds)
        finally:
            del self._works[work.batch_id]

    def _has_room(self, under_way: int) -> bool:
        everywhere = sum(work.under_way for work, _ in self._works.values())
        return has_room(under_way, everywhere, batches=len(self._works), most=self._most_turns)


def has_room(under_way: int, everywhere: int, *, batches: int, most: int) -> bool:
    """Whether a batch with so many turns under way may begin another, where all batches together
    may have `most`: none takes more than its share of them, however soon its turns end."""
    return everywhere < most and under_way < max(most // max(batches, 1), 1)
