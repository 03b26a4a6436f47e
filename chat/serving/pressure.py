# ruff: noqa: N802, N803 (the names are Twisted's)
"""Back-pressure, which Daphne has in neither direction: who does not read holds up whoever writes
to it, and who floods by WebSocket is read no faster than it is answered."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings

from chat.turns.metrics import CONNECTIONS_ENDED

WAITING_FRAMES = 64
WAITING_BYTES = 262_144
"""Of one client so much may wait for the application before nothing more is read of it."""
LOOK_AGAIN_SECONDS = 0.05
UNSENT_BYTES = 65_536
"""Of a stream the system keeps so much at most that it has not sent; otherwise it takes megabytes
before anybody learns that the client does not read."""
PROGRAMS_PATH = "/v1/"
PROGRAMS_FACTOR = 2
"""A program's frame is the body of a request. One over the limit of those is refused with an error
that names it; only one over so many times the limit costs the socket."""


class Flow:
    """Whether a connection takes what is written to it (a push producer of Twisted's)."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    def pauseProducing(self) -> None:
        """More than 64 KiB wait for the client."""
        self.open.clear()

    def resumeProducing(self) -> None:
        """All of it went out."""
        self.open.set()

    def stopProducing(self) -> None:
        """The connection is lost: nobody must wait any more."""
        self.open.set()


def keep_little(connection: socket.socket) -> None:
    """Let the system keep no more than UNSENT_BYTES of what is written, where it can do that."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


async def drained(flow: Flow, drop: Callable[[], None], seconds: float) -> None:
    """Wait until the client has read what waits for it; `drop` one that does not read it within
    `seconds`."""
    if flow.open.is_set():
        return
    try:
        async with asyncio.timeout(seconds):
            await flow.open.wait()
    except TimeoutError:
        CONNECTIONS_ENDED.labels("not_read").inc()
        drop()


class PatientSocket(WebSocketProtocol):  # type: ignore[misc]
    """One WebSocket."""

    _flow: Flow | None = None
    _paused = False

    def onConnect(self, request: Any) -> Any:
        """Take as long frames as the door takes that is asked for."""
        if request.path.startswith(PROGRAMS_PATH):
            limit_bytes = PROGRAMS_FACTOR * settings.TURNS.max_api_body_bytes
            self.maxFramePayloadSize = self.maxMessagePayloadSize = limit_bytes
        return super().onConnect(request)

    def serverAccept(self, subprotocol: str | None = None) -> None:
        """Accept, and watch from now on whether the client reads."""
        super().serverAccept(subprotocol)
        self._flow = Flow()
        # Until now it was the HTTP channel's, which is done.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self._flow, True)
        if self.request.path.startswith(PROGRAMS_PATH):
            # Nothing is acknowledged there: only what waits here tells that nobody reads.
            keep_little(self.transport.getHandle())

    async def drained(self) -> None:
        """Wait until the client has read; end one that reads nothing for ACK_TIMEOUT_SECONDS."""
        if self._flow is not None:
            seconds = settings.SOCKETS.ack_timeout_seconds
            await drained(self._flow, lambda: self.dropConnection(abort=True), seconds)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Hand a frame to the application; read no more while too many wait for it."""
        super().onMessage(payload, isBinary)
        if not self._paused and self._too_many_wait(len(payload)):
            self._paused = True
            self.transport.pauseProducing()
            self._look_later()

    def connectionLost(self, reason: Any) -> None:
        """It is counted no more."""
        self.factory.server_class.http_factory.left(self.transport)
        super().connectionLost(reason)

    def _too_many_wait(self, frame_bytes: int = 0) -> bool:
        waiting: int = self.application_queue.qsize()
        return waiting >= WAITING_FRAMES or waiting * frame_bytes > WAITING_BYTES

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self._look)

    def _look(self) -> None:
        if self.application_queue.empty():
            self._paused = False
            self.transport.resumeProducing()
        elif self.transport.connected:
            self._look_later()
