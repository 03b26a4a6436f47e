"""WebSocket where the relay has it, else server-sent events: which to use, and for how long."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from chat.relay.attempts import Attempt
from chat.relay.errors import (
    RelayAuth,
    RelayError,
    RelayProtocol,
    RelayTimeout,
    RelayTruncated,
    RelayUnavailable,
)
from chat.relay.settings import RelaySettings
from chat.relay.transports.base import Transport
from chat.relay.transports.frames import FrameConnection
from chat.relay.transports.http import RelayHTTP
from chat.relay.transports.sse import SSETransport
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import ChatRequest, RelayEvent

logger = logging.getLogger(__name__)

# The relay turns the request away, not the WebSocket: SSE would meet the same.
_SAME_ON_EACH_TRANSPORT = (401, 429, 503)
# A relay that has no WebSocket, or none for this key, is nothing to warn of each few minutes.
_PLAINLY_WITHOUT = (403, 404, 405, 426)

# Who stops waiting after so long has waited in vain; before that it was a change of mind.
SILENCE_SECONDS = 10.0
LONGEST_PAUSE_FACTOR = 16


class AutoTransport:
    """Opens a WebSocket; where that fails, asks by SSE, for a while without trying.

    The change is made only before the request has left, so no answer is ever generated twice.
    A WebSocket that opens and then brings nothing fails its own attempt; those that follow, a
    retry too, go by SSE. What was learnt holds for this object: one relay with one key.
    """

    def __init__(
        self,
        websocket: WebSocketTransport,
        sse: Transport,
        settings: RelaySettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is in seconds."""
        self._websocket = websocket
        self._sse = sse
        self._settings = settings
        self._clock = clock
        self._paused_until: float | None = None
        self._probing = False
        self._proven = False  # an answer has come over a WebSocket since the last pause
        self._silences = 0  # times in a row that somebody waited for a WebSocket in vain
        self._left_in_silence = 0  # of those, people in a row who did not wait to the end

    async def stream(
        self, request: ChatRequest, attempt: Attempt | None = None
    ) -> AsyncGenerator[RelayEvent, None]:
        """Make one attempt; see the seam for the contract."""
        if self._may_try():
            probes = self._paused_until is not None
            self._probing = self._probing or probes
            try:
                connection = await self._open(attempt)
                if connection is not None:
                    async with aclosing(self._over(connection, request, attempt)) as events:
                        async for event in events:
                            yield event
                    return
            finally:
                if probes:
                    self._probing = False
        async with aclosing(self._sse.stream(request, attempt)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Close the connections that are kept open for later requests."""
        await self._websocket.aclose()
        await self._sse.aclose()

    def _may_try(self) -> bool:
        if self._paused_until is None:
            return True
        return not self._probing and self._clock() >= self._paused_until

    async def _open(self, attempt: Attempt | None) -> FrameConnection | None:
        """Return a WebSocket, None where SSE is to be used; raises what SSE would meet as well."""
        try:
            return await self._websocket.open(attempt)
        except RelayError as error:
            if _speaks_of_the_request(error):
                raise
            status = "no status" if error.status is None else f"status {error.status}"
            why = f"{error.message} ({status})"
            if isinstance(error, RelayTimeout):
                self._note_silence(why)
            else:
                plain = error.status in _PLAINLY_WITHOUT
                self._pause(logging.INFO if plain else logging.WARNING, why, times=1)
            return None

    async def _over(
        self, connection: FrameConnection, request: ChatRequest, attempt: Attempt | None
    ) -> AsyncGenerator[RelayEvent, None]:
        """Ask over an open WebSocket, and learn whether anything comes over it."""
        asked_at, heard = self._clock(), False
        try:
            events = self._websocket.stream(request, attempt, connection=connection)
            async with aclosing(events):
                async for event in events:
                    if not heard:
                        heard, self._proven = True, True
                        self._paused_until, self._silences, self._left_in_silence = None, 0, 0
                    yield event
        except RelayError as error:
            if not heard and _is_without_a_word(error):
                self._note_silence(f"it opened, and then: {error.message}")
            raise
        except (asyncio.CancelledError, GeneratorExit):
            # People do not wait for a timeout. Once it says nothing of a WebSocket that has worked:
            # a model may think for long.
            if not heard and self._clock() - asked_at >= SILENCE_SECONDS:
                self._left_in_silence += 1
                if self._left_in_silence >= (2 if self._proven else 1):
                    self._note_silence("it opened, nothing came, and nobody waited longer")
            raise

    def _note_silence(self, why: str) -> None:
        # Each further probe costs somebody the wait for an answer: fewer and fewer of them.
        times = min(2**self._silences, LONGEST_PAUSE_FACTOR)
        self._silences += 1
        self._pause(logging.WARNING, why, times=times)

    def _pause(self, level: int, why: str, *, times: int) -> None:
        seconds = self._settings.websocket_pause_seconds * times
        self._paused_until = self._clock() + seconds
        self._proven = False
        logger.log(
            level,
            "No WebSocket to %s, so server-sent events for %g s: %s",
            self._settings.name,
            seconds,
            why,
        )


def transport_for(settings: RelaySettings, http: RelayHTTP) -> Transport:
    """Return the transport that a relay's settings ask for; `http` serves its documents, too."""
    if settings.transport == "sse":
        return SSETransport(settings, http)
    websocket = WebSocketTransport(settings)
    if settings.transport == "websocket":
        return websocket
    return AutoTransport(websocket, SSETransport(settings, http), settings)


def _speaks_of_the_request(error: RelayError) -> bool:
    if isinstance(error, RelayAuth) and error.status is None:
        return True  # a key that fits no header
    return error.status in _SAME_ON_EACH_TRANSPORT


def _is_without_a_word(error: RelayError) -> bool:
    """Whether an attempt on an open WebSocket failed and the relay gave no reason, as behind a
    proxy that agrees to it and then lets nothing through. A reason comes with a status.
    """
    silent = isinstance(error, RelayTimeout | RelayUnavailable | RelayTruncated | RelayProtocol)
    return silent and error.status is None
