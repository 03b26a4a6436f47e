"""WebSocket where the relay has it, else server-sent events: which to use, and for how long."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from chat.relay.attempts import Attempt
from chat.relay.errors import RelayAuth, RelayError
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


class AutoTransport:
    """Opens a WebSocket; where that fails, asks by SSE, for a while without trying.

    The change is made only before the request has left, so no answer is ever generated twice.
    What was learnt holds for this object, which is one relay with one key.
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

    async def stream(
        self, request: ChatRequest, attempt: Attempt | None = None
    ) -> AsyncGenerator[RelayEvent, None]:
        """Make one attempt; see the seam for the contract."""
        connection = await self._open(attempt) if self._may_try() else None
        events = (
            self._sse.stream(request, attempt)
            if connection is None
            else self._websocket.stream(request, attempt, connection=connection)
        )
        async with aclosing(events):
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
        probes = self._paused_until is not None
        self._probing = self._probing or probes
        try:
            connection = await self._websocket.open(attempt)
        except RelayError as error:
            if _speaks_of_the_request(error):
                raise
            pause_seconds = self._settings.websocket_pause_seconds
            self._paused_until = self._clock() + pause_seconds
            logger.log(
                logging.INFO if error.status in _PLAINLY_WITHOUT else logging.WARNING,
                "No WebSocket to %s, so server-sent events for %g s: %s (%s)",
                self._settings.name,
                pause_seconds,
                error.message,
                "no status" if error.status is None else f"status {error.status}",
            )
            return None
        else:
            self._paused_until = None
            return connection
        finally:
            if probes:
                self._probing = False


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
