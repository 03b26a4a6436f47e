"""HTTP/1.1 on a demo relay's connection: requests in by h11, answers out whole or in pieces.

Heads and ends of answers are h11's; the pieces between are framed here, so that a script may
decide the bytes of each packet.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import h11
import msgspec

from chat.relay.demo.connection import Connection
from chat.relay.demo.refusals import error_body

BODY_LIMIT_BYTES = 8 * 1024 * 1024


class HttpRequest(msgspec.Struct, frozen=True):
    """A request that has been read whole; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class HttpDoor:
    """Reads requests from a connection and answers them one after the other."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._http = h11.Connection(h11.SERVER)
        self._chunked = True

    async def next_request(self) -> HttpRequest | None:
        """Read one request; None when the client has left or did not speak HTTP."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                return None
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                data = await self.connection.read()
                if not data:
                    return None
                self._http.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_LIMIT_BYTES:
                    self.respond(413, error_body("Request body too large"))
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return self._request(head, bytes(body))
            else:
                return None

    def _request(self, head: h11.Request, body: bytes) -> HttpRequest:
        path, _, query = head.target.decode("ascii", "replace").partition("?")
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        self._chunked = head.http_version != b"1.0"
        return HttpRequest(head.method.decode(), path, query, headers, body)

    def reopen(self) -> bool:
        """Make ready for the next request; False when the connection must close instead."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def trailing_bytes(self) -> bytes:
        """Give what came after an upgrade request."""
        return self._http.trailing_data[0]

    def _send(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            self.connection.write(data)

    def respond(
        self, status: int, body: Mapping[str, Any] | str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer whole: a mapping as JSON, a string as HTML."""
        if isinstance(body, str):
            content, kind = body.encode(), "text/html; charset=utf-8"
        else:
            content, kind = msgspec.json.encode(body), "application/json"
        fields = {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}
        self._head(status, fields)
        self._send(h11.Data(data=content))
        self._send(h11.EndOfMessage())

    def start_stream(self, headers: Mapping[str, str]) -> None:
        """Send the head of a streamed answer."""
        self._head(200, headers)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        reason = HTTPStatus(status).phrase.encode()
        self._send(
            h11.Response(status_code=status, headers=list(headers.items()), reason=reason),
        )

    def piece(self, data: bytes) -> None:
        """Send part of a streamed answer's body as one packet."""
        self.connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end_stream(self) -> None:
        """End a streamed answer cleanly."""
        self._send(h11.EndOfMessage())
