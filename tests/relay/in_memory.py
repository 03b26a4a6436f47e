"""The WebSocket transport on bytes in memory: its own code from socket callback to event."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import cast

from websockets.uri import parse_uri

from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings
from chat.relay.transports.frames import FrameConnection
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import RelayEvent
from tests.relay.conftest import REQUEST
from tests.relay.loopback import Received, agreement
from tests.relay.wires import MAX_LINE_BYTES

SETTINGS = RelaySettings(
    name="memory", base_url="http://relay.invalid/v1", max_line_bytes=MAX_LINE_BYTES
)
URI = parse_uri("ws://relay.invalid/v1/chat/completions")


class MemoryTransport(asyncio.Transport):
    """Agrees to the handshake, then gives the connection one piece in each turn of the loop."""

    def __init__(self, connection: FrameConnection, pieces: Sequence[bytes]) -> None:
        super().__init__()
        self._connection = connection
        self._pieces: Iterator[bytes] = iter(pieces)
        self._paused = False
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        found = bytes(data)
        if found.startswith(b"GET "):
            lines = [line.partition(": ") for line in found.decode().split("\r\n")]
            headers = {name.lower(): value for name, _, value in lines}
            self._connection.data_received(agreement(Received("GET", "/", headers, b"")))

    def feed(self) -> None:
        if self.closed or self._paused:
            return
        piece = next(self._pieces, None)
        if piece is None:
            self.closed = True
            self._connection.connection_lost(None)
            return
        self._connection.data_received(piece)
        asyncio.get_running_loop().call_soon(self.feed)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        asyncio.get_running_loop().call_soon(self.feed)

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


async def read_frames(pieces: Sequence[bytes]) -> tuple[list[RelayEvent], str]:
    """The events of the pieces and the error's code, or "" where the answer is good."""
    connection = FrameConnection(
        URI, max_message_bytes=MAX_LINE_BYTES, max_wire_bytes=SETTINGS.max_wire_bytes
    )
    transport = MemoryTransport(connection, pieces)
    connection.connection_made(cast(asyncio.BaseTransport, transport))
    await connection.shake_hands({})
    asyncio.get_running_loop().call_soon(transport.feed)
    events: list[RelayEvent] = []
    try:
        stream = WebSocketTransport(SETTINGS).stream(REQUEST, connection=connection)
        async for event in stream:
            events.append(event)
    except RelayError as error:
        return events, error.code
    finally:
        assert transport.closed
    return events, ""
