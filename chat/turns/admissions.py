"""The admissions under way in this process."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from chat.services.intents import Admitted


class Admissions:
    """Owns a task for each: it goes on when whoever asked for it goes away. `none` is set while
    there is none."""

    def __init__(self) -> None:
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

    def _ended(self, task: "asyncio.Task[Admitted]") -> None:
        self._tasks.discard(task)
        # Fetched here too: nobody may be left to whom a refusal matters.
        if not task.cancelled():
            task.exception()
        if not self._tasks:
            self.none.set()
