"""The admissions under way in this process."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from chat.services.intents import Admitted
from chat.turns.hub import Hub
from chat.turns.reading import TurnReader

log = structlog.get_logger(__name__)


class Admissions:
    """Owns a task for each: it goes on when whoever asked for it goes away. `none` is set while
    there is none."""

    def __init__(self, hub: Hub, reader: TurnReader, doubt_seconds: float) -> None:
        """What took `doubt_seconds` to store may have been settled by others meanwhile."""
        self._hub = hub
        self._reader = reader
        self._doubt_seconds = doubt_seconds
        self._tasks: set[asyncio.Task[Admitted]] = set()
        self.none = asyncio.Event()
        self.none.set()

    def __len__(self) -> int:
        return len(self._tasks)

    async def run(self, admission: Coroutine[Any, Any, Admitted]) -> Admitted:
        """Run an admission to its end, and give what it gives or raise what it raises."""
        task = asyncio.create_task(admission, name="admission")
        self._tasks.add(task)
        self.none.clear()
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def stored(self, store: Callable[[], Awaitable[Admitted]]) -> Admitted:
        """Store a turn by `store`, whose errors it raises. One that others settled before this
        process knew that it is stored counts as not created: its end is looked up, it never runs.
        """
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        admitted = await store()
        if not admitted.created or loop.time() - asked_at < self._doubt_seconds:
            return admitted
        return replace(admitted, created=not await self._is_taken(admitted))

    async def _is_taken(self, admitted: Admitted) -> bool:
        try:
            found = (await self._reader.read({admitted.turn_id: 0})).get(admitted.turn_id)
        except Exception as error:
            # It is run, and lost when the database says so.
            log.warning("admission_not_read", error=type(error).__name__)
            found = None
        # Asked last: its end may have been told while the database answered.
        if found is None or (found.ended is None and found.epoch == admitted.epoch):
            return self._hub.has_ended(admitted.turn_id)
        return True

    def _ended(self, task: "asyncio.Task[Admitted]") -> None:
        self._tasks.discard(task)
        # Fetched here too: nobody may be left to whom a refusal matters.
        if not task.cancelled():
            task.exception()
        if not self._tasks:
            self.none.set()
