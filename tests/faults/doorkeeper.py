"""A door whose passages run in a thread of their own, for who has no event loop at hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from tests.faults.door import Door

ANSWER_SECONDS = 30.0


class KeptDoor:
    """Forwards connections on loopback to `to_port` from the moment it is made."""

    def __init__(self, to_port: int) -> None:
        self._door = Door(to_port)
        self.to_port = to_port
        self.port = self._door.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="door", daemon=True)
        self._thread.start()
        self._do(self._door.open())

    def open(self) -> None:
        """End all connections; let new ones through."""
        self._do(self._door.open())

    def mute(self) -> None:
        """End all connections; take new ones and leave them without an answer."""
        self._do(self._door.mute())

    def swallow(self) -> None:
        """Keep all connections, take new ones, and carry nothing any more."""
        self._loop.call_soon_threadsafe(self._door.swallow)

    def shut(self) -> None:
        """End all connections; new ones never come about."""
        self._do(self._door.shut())

    def deafen_after(self, words: bytes) -> None:
        """Whoever says these words from now on gets through, and hears no answer any more."""
        self._door.deaf_after = words

    def close(self) -> None:
        """End it and its thread."""
        self._do(self._door.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()

    def _do(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(ANSWER_SECONDS)
