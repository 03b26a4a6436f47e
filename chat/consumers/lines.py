"""Tells those who watch a conversation which messages wait in it."""

import asyncio
from collections.abc import Collection
from uuid import UUID

import structlog

from chat.crossing import cross
from chat.protocol import Queue
from chat.queries.waiting import Lines, lines_of
from chat.turns.hub import Hub
from chat.turns.viewer import Viewer

log = structlog.get_logger(__name__)

MOST_READ = 500
"""Conversations whose lines are read at once."""
RETRY_SECONDS = 1.0


class LineTeller:
    """Reads lines and tells them, one reading after the other: so nobody is told an older line
    after a newer one.

    Every `look_seconds` it reads those of all watched conversations, for changes that it was not
    told of: Redis may be away, and a command may have made them.
    """

    def __init__(self, hub: Hub, look_seconds: float) -> None:
        self._hub = hub
        self._look_seconds = look_seconds
        self._changed: set[UUID] = set()
        self._newcomers: dict[UUID, set[Viewer]] = {}
        # The messages that were said to wait, and whether they were refused.
        self._told: dict[UUID, tuple[tuple[UUID, bool], ...]] = {}
        self._wakeup = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="lines")

    async def aclose(self) -> None:
        """Tell nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def look(self, conversation_id: UUID) -> None:
        """A line changed: tell all who watch."""
        self._changed.add(conversation_id)
        self._wakeup.set()

    def look_for(self, viewer: Viewer, conversation_id: UUID) -> None:
        """Tell one who has just come."""
        self._newcomers.setdefault(conversation_id, set()).add(viewer)
        self._wakeup.set()

    def look_at_all(self) -> None:
        """Changes may have been missed: tell those who watch what is different."""
        self._wakeup.set()
        self._changed.update(self._hub.watched())

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._look_seconds):
                    await self._wakeup.wait()
            except TimeoutError:
                self._changed.update(self._hub.watched())
            self._wakeup.clear()
            try:
                await self._tell()
            except Exception as error:
                log.warning("lines_not_read", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                self._wakeup.set()

    async def _tell(self) -> None:
        watched = self._hub.watched()
        for conversation_id in [id for id in self._told if id not in watched]:
            del self._told[conversation_id]
        self._changed.intersection_update(watched)
        while wanted := [*self._changed, *self._newcomers][:MOST_READ]:
            newcomers = {id: set(self._newcomers.get(id, ())) for id in wanted}
            changed = self._changed.intersection(wanted)
            # What changes from here on is read once more.
            self._changed -= changed
            try:
                lines = await cross(lines_of, wanted)
            except Exception:
                self._changed |= changed
                raise
            self._say(lines, changed, newcomers)

    def _say(
        self, lines: Lines, changed: Collection[UUID], newcomers: dict[UUID, set[Viewer]]
    ) -> None:
        for conversation_id, waiting in lines.items():
            event = Queue(conversation_id, waiting)
            viewers = newcomers[conversation_id]
            still = self._newcomers.get(conversation_id, set()) - viewers
            if still:
                self._newcomers[conversation_id] = still
            else:
                self._newcomers.pop(conversation_id, None)
            line = tuple((each.id, each.refused is not None) for each in waiting)
            if conversation_id in changed and line != self._told.get(conversation_id, ()):
                self._hub.say(conversation_id, event)
            else:
                for viewer in viewers:
                    self._hub.say_to(viewer, conversation_id, event)
            self._told[conversation_id] = line
