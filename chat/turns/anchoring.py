"""Has the ledger anchored once a day, while the process runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from billing.anchors import write_anchors
from chat.crossing import cross

log = structlog.get_logger(__name__)

FIRST_LOOK_SECONDS = 30.0
LOOK_SECONDS = 3600.0


async def _anchor() -> int:
    return await cross(write_anchors, only_first_of_day=True)


class DailyAnchors:
    """Owns the task that looks whether today is anchored; every process has one, and a line that
    two of them write is right twice."""

    def __init__(
        self,
        anchor: Callable[[], Awaitable[object]] = _anchor,
        first_look_seconds: float = FIRST_LOOK_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._anchor = anchor
        self._pauses = (first_look_seconds, look_seconds)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in a task owned by this object until `aclose`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="anchors")

    async def aclose(self) -> None:
        """Look no more. What is being written ends in its thread."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        pause_seconds, then_seconds = self._pauses
        while True:
            await asyncio.sleep(pause_seconds)
            pause_seconds = then_seconds
            try:
                await self._anchor()
            except Exception as error:
                # verifyledger remarks on anchors that are old; the next look tries again.
                log.warning("ledger_not_anchored", error=type(error).__name__, detail=str(error))
