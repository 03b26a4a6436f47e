"""Answers over a WebSocket: the request is the first frame, each text frame back is one chunk."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

from chat.relay.address_guard import Lookup
from chat.relay.attempts import Attempt
from chat.relay.chunks import AnswerReader
from chat.relay.errors import RelayError, RelayProtocol, RelayTimeout
from chat.relay.keys import redact
from chat.relay.request_body import encode_request
from chat.relay.settings import RelaySettings
from chat.relay.transports.frames import FrameConnection
from chat.relay.transports.handshake import open_websocket
from chat.relay.transports.patience import bound_next_read
from chat.relay.types import ChatRequest, RelayEvent
from chat.relay.watch import Watch
from chat.relay.worded_failures import error_for_close

# A WebSocket has no end marker, and a second usage report, if any, follows at once.
LINGER_AFTER_USAGE_SECONDS = 0.05


class WebSocketTransport:
    """One attempt is one connection, closed at its end."""

    def __init__(self, settings: RelaySettings, lookup: Lookup | None = None) -> None:
        """`lookup` finds the addresses of a name where they are judged; None = the system's."""
        self._settings = settings
        self._lookup = lookup
        self._redact = partial(redact, key=settings.api_key)

    async def open(self, attempt: Attempt | None = None) -> FrameConnection:
        """Shake hands; nothing of a request is sent. Raises RelayError; the caller closes."""
        if attempt is None:
            return await open_websocket(self._settings, self._lookup)
        attempt.transport = "websocket"
        try:
            connection = await open_websocket(self._settings, self._lookup)
        except RelayError as error:
            attempt.status = error.status
            raise
        attempt.status = 101
        return connection

    async def stream(
        self,
        request: ChatRequest,
        attempt: Attempt | None = None,
        *,
        connection: FrameConnection | None = None,
    ) -> AsyncGenerator[RelayEvent, None]:
        """Make one attempt, on `connection` if one is open; see the seam for the contract."""
        settings = self._settings
        reader = AnswerReader(settings.max_answer_bytes, self._redact, attempt)
        watch = Watch(settings.first_byte_timeout_seconds)
        try:
            if connection is None:
                connection = await self.open(attempt)
            if attempt is not None:
                attempt.sent = True
            connection.send_text(encode_request(request))
            connection.beat_every(settings.heartbeat_seconds)
            while not reader.done:
                messages = await self._read(connection, reader, watch)
                if not messages:
                    break
                for message in messages:
                    for event in reader.take(message):
                        yield event
                bound_next_read(
                    watch,
                    reader,
                    settings,
                    linger_after_usage_seconds=LINGER_AFTER_USAGE_SECONDS,
                )
            self._judge_end(connection, reader, request.model)
        finally:
            watch.close()
            if connection is not None:
                connection.close()

    async def aclose(self) -> None:
        """Nothing is kept open."""

    async def _read(
        self, connection: FrameConnection, reader: AnswerReader, watch: Watch
    ) -> list[bytes]:
        """Return the next messages of the answer, none at its end."""
        try:
            with watch:
                return await connection.receive()
        except TimeoutError:
            if reader.finished:
                return []
            raise RelayTimeout("The relay fell silent.") from None

    def _judge_end(self, connection: FrameConnection, reader: AnswerReader, model: str) -> None:
        """Raise unless the answer was finished."""
        ending = connection.ending
        if reader.finished or reader.done or ending is None:
            reader.end()
            return
        if ending.fault == "too_long":
            limit = self._settings.max_line_bytes
            raise RelayProtocol(f"The relay sent a message of more than {limit} bytes.")
        if ending.fault == "too_much":
            raise RelayProtocol(f"The relay sent over {self._settings.max_wire_bytes} bytes.")
        if ending.fault == "flood":
            raise RelayProtocol("The relay sent a flood of frames that carry nothing.")
        if ending.fault == "protocol":
            raise RelayProtocol("The relay broke the rules of WebSocket.")
        if reader.only_malformed:
            raise RelayProtocol("The relay sent something that is not an answer.")
        raise error_for_close(
            ending.code,
            ending.reason,
            started=reader.started,
            redact=self._redact,
            model=model,
        )
