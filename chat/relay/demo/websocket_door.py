"""WebSocket on a demo relay's connection, over the `websockets` package's protocol without I/O."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from chat.relay.demo.connection import Connection
from chat.relay.demo.http_door import BODY_LIMIT_BYTES, HttpRequest
from chat.relay.demo.refusals import STILL_STREAMING

HEARTBEATS = frozenset({"ping", '{"type":"ping"}', '{"type": "ping"}'})
_WAITING_LIMIT_MESSAGES = 16


class WebSocketDoor:
    """Accepts one WebSocket, collects text messages, answers pings, notices the close."""

    def __init__(self, connection: Connection, request: HttpRequest) -> None:
        self.connection = connection
        self._protocol = ServerProtocol(max_size=BODY_LIMIT_BYTES)
        self._partial = bytearray()
        self._messages: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._is_busy = False
        target = f"{request.path}?{request.query}" if request.query else request.path
        self._feed(Request(target, Headers(request.headers)).serialize())

    def accept(self, trailing: bytes) -> bool:
        """Shake hands; False when the request is no WebSocket handshake and was refused."""
        events = self._protocol.events_received()
        if not events or not isinstance(events[0], Request):
            return False
        response = self._protocol.accept(events[0])
        self._protocol.send_response(response)
        self._flush()
        if response.status_code != 101:
            return False
        self.connection.sink = self.receive
        self.connection.on_end = self._arrived.set
        self.receive(trailing)
        return True

    def receive(self, data: bytes) -> None:
        """Take bytes from the socket."""
        self._feed(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
        self._flush()
        if self._protocol.close_expected():
            self.connection.close()

    def _feed(self, data: bytes) -> None:
        if data:
            self._protocol.receive_data(data)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.connection.depart("websocket_close")
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._partial += frame.data
            if frame.fin:
                self._message(self._partial.decode("utf-8", "replace"))
                self._partial.clear()
                if len(self._messages) > _WAITING_LIMIT_MESSAGES:
                    self._protocol.fail(1008, "too many messages")

    def _message(self, message: str) -> None:
        if message in HEARTBEATS:
            self.send(b"pong")
        elif self._is_busy:
            self.send(msgspec.json.encode(STILL_STREAMING))
        else:
            self._messages.append(message)
            self._arrived.set()

    async def next_message(self) -> str | None:
        """Wait for a message that is no heartbeat; None when the client has left."""
        while not self.connection.is_over:
            if self._messages:
                return self._messages.popleft()
            self._arrived.clear()
            await self._arrived.wait()
        return None

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While an answer streams: heartbeats are answered, other messages are refused."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def send(self, text: bytes, fin: bool = True, first: bool = True) -> None:
        """Send a text frame, or one fragment of a message; nothing once a close has begun."""
        if self._protocol.state is not State.OPEN:
            return
        if first:
            self._protocol.send_text(text, fin)
        else:
            self._protocol.send_continuation(text, fin)
        self._flush()

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame and wait for the client's, which ends the connection."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.connection.write(data)
