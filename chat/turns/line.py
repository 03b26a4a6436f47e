"""Lets the next waiting message go when an answer has ended."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

import structlog
from django.db import Error as DatabaseError

from chat.crossing import cross
from chat.relay.errors import RelayError
from chat.services.advancing import NothingToSend, free_lines, send_next
from chat.services.errors import Refused
from chat.services.intents import Admitted, Models

log = structlog.get_logger(__name__)

MOST_ENDED = 10_000
"""Ended answers whose lines are still to be looked at; of more, the look at all lines tells."""

Admit = Callable[[Callable[[], Awaitable[Admitted]], Callable[[Admitted], None]], Awaitable[object]]


class Lines(Protocol):
    """Where waiting messages are stored."""

    async def free(self) -> Sequence[UUID]:
        """Conversations where somebody waits though no answer is written there."""

    async def send_next(self, conversation_id: UUID, node: str) -> Admitted:
        """Admit the next message, as `chat.services.advancing.send_next` does."""


class DatabaseLines:
    """The lines in the product's database."""

    def __init__(self, models: Callable[[], Awaitable[Models]]) -> None:
        self._models = models

    async def free(self) -> Sequence[UUID]:
        """Find lines that nobody has moved on."""
        return await cross(free_lines)

    async def send_next(self, conversation_id: UUID, node: str) -> Admitted:
        """Admit the next message."""
        models = await self._models()
        return await cross(send_next, conversation_id, models=models, node=node)


class WaitingLine:
    """Moves the lines of conversations on: at once where an answer ended here, and every
    `look_seconds` all those that somebody else has left behind."""

    def __init__(self, lines: Lines, admit: Admit, node: str, look_seconds: float) -> None:
        self._lines = lines
        self._admit = admit
        self._node = node
        self._look_seconds = look_seconds
        self._ended: dict[UUID, None] = {}
        self._wakeup = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="waiting line")

    async def aclose(self) -> None:
        """Let nobody go any more; what waits is sent by another process, or after the restart."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def ended(self, conversation_id: UUID) -> None:
        """An answer of this conversation has ended: whoever waits for it may go."""
        if len(self._ended) < MOST_ENDED:
            self._ended[conversation_id] = None
        self._wakeup.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        look_at = loop.time() + self._look_seconds
        while True:
            try:
                async with asyncio.timeout_at(look_at):
                    await self._wakeup.wait()
            except TimeoutError:
                await self._find()
                look_at = loop.time() + self._look_seconds
            self._wakeup.clear()
            ended, self._ended = self._ended, {}
            for conversation_id in ended:
                await self._advance(conversation_id)

    async def _find(self) -> None:
        try:
            for conversation_id in await self._lines.free():
                self._ended[conversation_id] = None
        except Exception as error:
            # The next look asks again.
            log.warning("lines_not_read", error=type(error).__name__)

    async def _advance(self, conversation_id: UUID) -> None:
        """Send the next one. What fails stays in line, for the next look of any process."""
        try:
            await self._admit(
                lambda: self._lines.send_next(conversation_id, self._node), lambda _admitted: None
            )
        except NothingToSend:
            pass
        except (Refused, RelayError, DatabaseError) as error:
            # The process drains, or writes as many answers as it can; or the database is away, or
            # there is no relay yet.
            log.warning("line_not_moved", error=type(error).__name__)
        except Exception:
            log.exception("line_not_moved", conversation=str(conversation_id))
