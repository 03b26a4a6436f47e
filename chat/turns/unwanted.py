"""Turns that nobody can want any more are stopped at once, not only with the next beat."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from chat.services.announcements import Announcement, ConversationChange, subscribe

Interrupt = Callable[[UUID, int | None], None]


class Unwanted:
    """Stops the running turns of conversations that are deleted through this process."""

    def __init__(self, interrupt: Interrupt) -> None:
        """`interrupt(turn_id, by_id)` stops a turn wherever it runs; called on the event loop."""
        self._interrupt = interrupt
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Listen, until `close`."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = subscribe(self._hear)

    def close(self) -> None:
        """Listen no more."""
        self._unsubscribe()

    def _hear(self, announcement: Announcement) -> None:
        """Called in the thread that committed the deletion."""
        if not isinstance(announcement, ConversationChange):
            return
        if self._loop is None or self._loop.is_closed():
            return
        for turn_id in announcement.running_turns:
            self._loop.call_soon_threadsafe(self._interrupt, turn_id, announcement.by_user_id)
