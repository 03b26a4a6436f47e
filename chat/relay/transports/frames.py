"""One WebSocket to a relay, over the `websockets` package's protocol without I/O.

Not its asyncio client, because an answer must be left at once and at any point: there is no task,
no closing handshake to wait for, and what came in one read is handed out together. All the code
that reads bytes can thus be fuzzed without a network, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Literal, cast

import msgspec
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import DATA_OPCODES, Frame
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import WebSocketURI

from chat.relay.transports.heartbeats import HEARTBEAT, is_pong

Fault = Literal["", "too_long", "too_much", "flood", "protocol"]

# Frames that carry no message (pings, empty ones, parts of one) cost time all the same: so many
# in all, and so many more with each message that can be a chunk.
MOST_BARE_FRAMES = 8192
BARE_FRAMES_FOR_EACH_MESSAGE = 8
_SHORTEST_CHUNK = 32
# Beyond these the socket is not read, so that the relay's side fills up and not our memory.
QUEUE_HIGH_MESSAGES = 64
QUEUE_HIGH_BYTES = 64 * 1024
# A read may hold 100,000 empty frames; in slices, few of them exist at one time.
_SLICE_BYTES = 16 * 1024
_ABNORMAL = 1006

# Of its own, so that no logging configuration makes it write headers, which hold the key.
_silent = logging.Logger("websocket to a relay", logging.CRITICAL)


class Ending(msgspec.Struct, frozen=True):
    """How a connection ended: the close code received (1006 = lost) and the relay's words, or
    what the relay did wrong.
    """

    code: int = _ABNORMAL
    reason: str = ""
    fault: Fault = ""


class FrameConnection(asyncio.Protocol):
    """Callbacks of the event loop on one side, messages as bytes on the other. For one reader."""

    def __init__(self, uri: WebSocketURI, *, max_message_bytes: int, max_wire_bytes: int) -> None:
        """`max_message_bytes` bounds one message, `max_wire_bytes` all that the relay sends."""
        self.response: Response | None = None
        self.ending: Ending | None = None
        self._websocket = ClientProtocol(uri, max_size=max_message_bytes, logger=_silent)
        self._wire_bytes_left = max_wire_bytes
        self._bare_frames_left = MOST_BARE_FRAMES
        self._messages: list[bytes] = []
        self._queued_bytes = 0
        self._partial = bytearray()
        self._transport: asyncio.Transport | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._heartbeat: asyncio.TimerHandle | None = None

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, unless nobody wants it any more."""
        self._transport = cast(asyncio.Transport, transport)
        if self.ending is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the relay."""
        if self.ending is not None:
            return
        self._wire_bytes_left -= len(data)
        for start in range(0, len(data), _SLICE_BYTES):
            self._websocket.receive_data(data[start : start + _SLICE_BYTES])
            self._take_events()
            if self._bare_frames_left < 0 and self.ending is None:
                self.ending = Ending(fault="flood")
            if self.ending is not None:
                break
        if self._wire_bytes_left < 0 and self.ending is None:
            self.ending = Ending(fault="too_much")
        self._flush()
        if len(self._messages) > QUEUE_HIGH_MESSAGES or self._queued_bytes > QUEUE_HIGH_BYTES:
            self._pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Note the relay's FIN; the transport then closes by itself."""
        self._lose()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note that the connection is gone."""
        self._lose()
        self._stop_heartbeat()

    def pause_writing(self) -> None:
        """The relay reads more slowly than we write: it gets no more pings and pongs."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writing_paused = False

    # For the transport

    async def shake_hands(self, headers: Mapping[str, str]) -> Response | None:
        """Ask for a WebSocket; returns the relay's response, None when it sent none.

        Raises InvalidHandshake of `websockets` for one that is no consent.
        """
        request = self._websocket.connect()
        for name, value in headers.items():
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        self._websocket.send_request(request)
        self._flush()
        while self.response is None and self.ending is None:
            await self._wait()
        if self._websocket.handshake_exc is not None:
            raise self._websocket.handshake_exc
        return self.response

    def send_text(self, text: bytes) -> None:
        """Send one message; nothing once the connection is over."""
        if self.ending is None and self._websocket.state is State.OPEN:
            self._websocket.send_text(text)
            self._flush(always=True)

    def beat_every(self, seconds: float) -> None:
        """Send a heartbeat now and then, by the loop's clock, until the connection ends."""
        loop = asyncio.get_running_loop()

        def beat() -> None:
            if not self._writing_paused:
                self.send_text(HEARTBEAT)
            self._heartbeat = loop.call_later(seconds, beat)

        self._heartbeat = loop.call_later(seconds, beat)

    async def receive(self) -> list[bytes]:
        """Wait for messages and return all that have come; none = the connection is over."""
        while not self._messages and self.ending is None:
            await self._wait()
        messages, self._messages = self._messages, []
        self._queued_bytes = 0
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return messages

    def close(self) -> None:
        """Say goodbye and close the TCP connection, without waiting for anything."""
        self._stop_heartbeat()
        self.ending = self.ending or Ending()
        if self._transport is None:
            return
        if self._websocket.state is State.OPEN:
            self._websocket.send_close(1000)
            self._flush()
        self._transport.abort()

    # Inside

    def _take_events(self) -> None:
        for event in self._websocket.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Frame):
                self._bare_frames_left -= 1
                if event.opcode in DATA_OPCODES:
                    self._take_frame(event)
        state = self._websocket.state
        refused = self._websocket.handshake_exc is not None
        if state is not State.OPEN and (state is not State.CONNECTING or refused):
            self.ending = self._judge()

    def _take_frame(self, frame: Frame) -> None:
        data = bytes(frame.data)
        if not frame.fin or self._partial:
            self._partial += data
            if not frame.fin:
                return
            data = bytes(self._partial)
            self._partial = bytearray()
        # Empty messages and pongs must not count as a sign of the answer.
        if data and not is_pong(data):
            if len(data) >= _SHORTEST_CHUNK:
                self._bare_frames_left += BARE_FRAMES_FOR_EACH_MESSAGE
            self._messages.append(data)
            self._queued_bytes += len(data)

    def _judge(self) -> Ending:
        """Say why the protocol stopped."""
        closed, error = self._websocket.close_rcvd, self._websocket.parser_exc
        if isinstance(error, PayloadTooBig):
            return Ending(fault="too_long")
        if error is not None and not isinstance(error, EOFError):
            return Ending(fault="protocol")
        return Ending() if closed is None else Ending(closed.code, closed.reason)

    def _lose(self) -> None:
        if self.ending is None:
            self._websocket.receive_eof()
            self._take_events()
            self.ending = self._judge()
        self._wake()

    def _flush(self, *, always: bool = False) -> None:
        # In one write: a relay that pings a thousand times at once costs one system call.
        data, transport = b"".join(self._websocket.data_to_send()), self._transport
        if not data or transport is None or transport.is_closing():
            return
        if always or not self._writing_paused:
            transport.write(data)

    def _pause_reading(self) -> None:
        if not self._reading_paused and self.ending is None and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
