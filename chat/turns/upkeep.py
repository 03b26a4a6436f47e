"""What a process does again and again while it runs, beside answering."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from billing.alert_delivery import deliver_alerts
from billing.anchors import write_anchors
from chat.crossing import cross
from chat.services.forgetting import forget_answers

log = structlog.get_logger(__name__)


class Upkeep:
    """Owns the task that does one thing every `seconds`, for the first time after `first_seconds`.

    `on_failure` is how the log calls a failure, with its words only where `tell_words`: those of a
    mail or web server may name people. The next time tries again.
    """

    def __init__(
        self,
        do: Callable[[], Awaitable[object]],
        on_failure: str,
        *,
        seconds: float,
        first_seconds: float | None = None,
        tell_words: bool = False,
    ) -> None:
        self._do = do
        self._on_failure = on_failure
        self._tell_words = tell_words
        self._pauses = (seconds if first_seconds is None else first_seconds, seconds)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task owned by this object until `aclose`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="upkeep")

    async def aclose(self) -> None:
        """Do it no more. What is being done ends in its thread."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        pause_seconds, then_seconds = self._pauses
        while True:
            await asyncio.sleep(pause_seconds)
            pause_seconds = then_seconds
            try:
                await self._do()
            except Exception as error:
                words = {"detail": str(error)} if self._tell_words else {}
                log.warning(self._on_failure, error=type(error).__name__, **words)


def upkeeps() -> tuple[Upkeep, ...]:
    """All that a process does so. Every process has each: an alert is claimed by one, a line that
    two write is right twice, and two may forget the same answer."""
    return (
        Upkeep(partial(cross, deliver_alerts), "spend_alerts_not_told", seconds=30),
        # verifyledger remarks on anchors that are old.
        Upkeep(
            partial(cross, write_anchors, only_first_of_day=True),
            "ledger_not_anchored",
            seconds=3600,
            first_seconds=30,
            tell_words=True,
        ),
        Upkeep(
            partial(cross, forget_answers),
            "answers_not_forgotten",
            seconds=900,
            first_seconds=60,
        ),
    )
