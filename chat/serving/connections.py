# ruff: noqa: N802 (the names are Twisted's)
"""TCP connections to the site: how many one address may have, and how long a request may take to
arrive.

Twisted closes a connection that is silent for a minute, but every byte begins the minute anew, and
nothing counts the connections. Here a request has one time for all of it.
"""

from collections import Counter
from typing import Any

import msgspec
from daphne.http_protocol import HTTPFactory
from django.conf import settings
from twisted.web import http

from chat.completions import ProgramError
from chat.serving.addresses import counted_as
from chat.serving.pressure import Flow, drained, keep_little
from chat.turns.metrics import CONNECTIONS_ENDED

http.RESPONSES.setdefault(422, b"Unprocessable Content")
http.RESPONSES.setdefault(429, b"Too Many Requests")
# Half of it has types.
_Channel: Any = http.HTTPChannel
SLOW_ANSWER_SECONDS = 300.0
"""An answer of which nobody reads the rest for so long is ended."""
EVENTS = "text/event-stream"
DISCARDED_REQUESTS = 8
"""Of a request that is too long so many times the limit is taken and thrown away, so that its
client comes to read the refusal; many write all of it first."""


class PunctualChannel(_Channel):  # type: ignore[misc]
    """One connection, as Twisted reads HTTP from it, with a time and a size for each request."""

    # Between an answer and the next request.
    _idle = False
    # A request is on its way.
    _begun = False
    # More of an answer waits than the client reads.
    _unread = False
    _received_bytes = 0
    # It was too long: what still comes of it is thrown away.
    _refused = False
    _keeps_little = False

    def connectionMade(self) -> None:
        """The time of the first request begins with the connection."""
        self._flow = Flow()
        super().connectionMade()
        self.factory.entered(self.transport)

    def connectionLost(self, reason: Any) -> None:
        """It is counted no more, and nobody waits for it."""
        self.factory.left(self.transport)
        self._flow.stopProducing()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """Take a piece of a request."""
        self._received_bytes += len(data)
        if self._refused:
            if self._received_bytes > DISCARDED_REQUESTS * self.factory.max_request_bytes:
                self.transport.abortConnection()
        elif self._received_bytes > self.factory.max_request_bytes:
            self._refuse()
        else:
            super().dataReceived(data)

    def allHeadersReceived(self) -> None:
        """The head of a request is here; it may tell already that the body is too long."""
        if self.length is not None and self.length > self.factory.max_request_bytes:
            self._refuse()
        else:
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Take a piece of a body."""
        if not self._refused:
            super().rawDataReceived(data)

    def _refuse(self) -> None:
        """Say that the request is too long. The time of a request is also that for reading this."""
        CONNECTIONS_ENDED.labels("too_long").inc()
        self._refused = True
        if self._handlingRequest:
            # Another one is being answered, and would be taken for this one's.
            self.transport.abortConnection()
            return
        self.transport.write(_refusal(self.factory.max_request_bytes))
        self.transport.loseWriteConnection()

    def resetTimeout(self) -> None:
        """The first bytes after an answer begin the time of the next request; more of them, one by
        one, do not prolong it."""
        if not self._begun and not self.requests:
            self._begun, self._idle = True, False
            self.setTimeout(self.factory.request_seconds)

    def allContentReceived(self) -> None:
        """The request is here."""
        self._begun = False
        self._received_bytes = 0
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        """The answer is given; the connection may wait for another request."""
        self._idle = not self._unread
        self._savedTimeOut = (
            SLOW_ANSWER_SECONDS if self._unread else self.factory.keep_alive_seconds
        )
        super().requestDone(request)

    def pauseProducing(self) -> None:
        """The client does not read the answer, or not fast."""
        super().pauseProducing()
        self._flow.pauseProducing()
        self._unread = True
        self.setTimeout(SLOW_ANSWER_SECONDS)

    def resumeProducing(self) -> None:
        """It has read what there is."""
        super().resumeProducing()
        self._flow.resumeProducing()
        self._unread = False
        if not self._begun:
            self._idle = not self.requests
            self.setTimeout(self.factory.keep_alive_seconds if self._idle else None)

    async def drained(self, request: Any) -> None:
        """Wait until the client has read what was written. One that reads nothing of a stream of
        events is ended after ACK_TIMEOUT_SECONDS."""
        seconds = SLOW_ANSWER_SECONDS
        if request.responseHeaders.getRawHeaders("content-type", [""])[0].startswith(EVENTS):
            seconds = settings.SOCKETS.ack_timeout_seconds
            if not self._keeps_little:
                self._keeps_little = True
                keep_little(self.transport.getHandle())
        await drained(self._flow, self.transport.abortConnection, seconds)

    def timeoutConnection(self) -> None:
        """The client did not come to an end in time."""
        if not self._idle:
            CONNECTIONS_ENDED.labels("too_slow").inc()
        super().timeoutConnection()


def _refusal(limit_bytes: int) -> bytes:
    """The whole answer to a request that is too long."""
    message = f"The request is longer than {limit_bytes} bytes. Send less at a time."
    refused = ProgramError("request_too_large", message, detail={"limit_bytes": limit_bytes})
    body = msgspec.json.encode(refused.body())
    head = (
        "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nServer: tram\r\n\r\n"
    )
    return head.encode() + body


class GuardedFactory(HTTPFactory):  # type: ignore[misc]
    """Makes the protocol of each connection, unless its address has too many. Behind a proxy all
    come from its address, and it is the proxy's part to count."""

    protocol = PunctualChannel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        limits = settings.SOCKETS
        self.request_seconds = self.timeOut = limits.request_timeout_seconds
        self.keep_alive_seconds = limits.keep_alive_seconds
        self.max_request_bytes = limits.max_request_bytes
        self._max_of_address = (
            None if settings.SITE.behind_proxy else limits.max_connections_per_address
        )
        self._of_address: Counter[str] = Counter()
        self._addresses: dict[Any, str] = {}

    def buildProtocol(self, addr: Any) -> Any:
        """The protocol of a new connection; None closes it."""
        if self._max_of_address is not None:
            address = counted_as(getattr(addr, "host", ""))
            if self._of_address[address] >= self._max_of_address:
                CONNECTIONS_ENDED.labels("too_many").inc()
                return None
        return super().buildProtocol(addr)

    def entered(self, transport: Any) -> None:
        """Count a connection."""
        address = counted_as(getattr(transport.getPeer(), "host", ""))
        self._addresses[transport] = address
        self._of_address[address] += 1

    def left(self, transport: Any) -> None:
        """A counted connection ended."""
        address = self._addresses.pop(transport, None)
        if address is not None:
            self._of_address[address] -= 1
            if self._of_address[address] <= 0:
                del self._of_address[address]
