"""Has the spend alerts told, again and again while the process runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from billing.alert_delivery import Delivered, deliver_alerts
from chat.crossing import cross

log = structlog.get_logger(__name__)

LOOK_SECONDS = 30.0


async def _deliver() -> Delivered:
    return await cross(deliver_alerts)


class AlertTeller:
    """Owns the task that looks for alerts; every process has one, each alert is claimed by one."""

    def __init__(
        self,
        deliver: Callable[[], Awaitable[object]] = _deliver,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._deliver = deliver
        self._look_seconds = look_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in a task owned by this object until `aclose`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="spend alerts")

    async def aclose(self) -> None:
        """Look no more. What is being sent ends in its thread."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                await self._deliver()
            except Exception as error:
                # The next look tells what is left.
                log.warning("spend_alerts_not_told", error=type(error).__name__)
