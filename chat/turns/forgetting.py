"""Has old answers to programs forgotten, while the process runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from chat.crossing import cross
from chat.services.forgetting import forget_answers

log = structlog.get_logger(__name__)

FIRST_LOOK_SECONDS = 60.0
LOOK_SECONDS = 900.0


async def _forget() -> int:
    return await cross(forget_answers)


class Forgetting:
    """Owns the task that looks now and then; every process has one, and two that forget the same
    answer do it no harm."""

    def __init__(
        self,
        forget: Callable[[], Awaitable[object]] = _forget,
        first_look_seconds: float = FIRST_LOOK_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._forget = forget
        self._pauses = (first_look_seconds, look_seconds)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in a task owned by this object until `aclose`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="forgetting")

    async def aclose(self) -> None:
        """Look no more. What is being removed ends in its thread."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        pause_seconds, then_seconds = self._pauses
        while True:
            await asyncio.sleep(pause_seconds)
            pause_seconds = then_seconds
            try:
                await self._forget()
            except Exception as error:
                # The next look tries again.
                log.warning("answers_not_forgotten", error=type(error).__name__)
