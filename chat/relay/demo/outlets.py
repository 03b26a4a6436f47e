"""Where the acts of a script come out as a stream: as SSE or as WebSocket frames.

The methods are described in `Outlet`; what a transport cannot do, it leaves out.
"""
# ruff: noqa: ARG002, B027, D102

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, ClassVar

import msgspec

from chat.relay.demo.acts import Lines, Status
from chat.relay.demo.connection import Connection
from chat.relay.demo.envelope import Envelope
from chat.relay.demo.http_door import HttpDoor
from chat.relay.demo.record import Via
from chat.relay.demo.websocket_door import WebSocketDoor

SSE_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
    "Transfer-Encoding": "chunked",
}
_AFTER_CR = re.compile(rb"[^\r]*\r|[^\r]+")
# CR is never followed by LF here: the two would be one line end.
_LINE_ENDS = {
    "lf": [b"\n"],
    "crlf": [b"\r\n"],
    "crlf_apart": [b"\r\n"],
    "cr": [b"\r"],
    "mixed": [b"\n", b"\r\n", b"\r\n", b"\r", b"\r", b"\r", b"\n", b"\n"],
}


class Piece(msgspec.Struct, frozen=True):
    """A piece of an answer on its way out."""

    text: str
    is_reasoning: bool = False


class Outlet(ABC):
    """What a player needs of a transport."""

    via: ClassVar[Via]

    def __init__(self, connection: Connection, envelope: Envelope) -> None:
        self.connection = connection
        self.envelope = envelope
        self.packet_bytes: int | None = None
        self.pause_seconds = 0.0

    @abstractmethod
    async def open(self, headers: Mapping[str, str]) -> None:
        """Send the head of an answer."""

    @abstractmethod
    async def events(self, events: Sequence[bytes]) -> None:
        """Send events, together where the transport can."""

    @abstractmethod
    async def raw(self, data: bytes) -> None:
        """Send bytes as they are: part of the body, or one text frame."""

    @abstractmethod
    def refuse(self, status: Status, headers: Mapping[str, str]) -> None:
        """Answer with a status and a body."""

    @abstractmethod
    def end(self) -> None:
        """End the answer cleanly."""

    @abstractmethod
    def close(self, code: int) -> None:
        """End the answer cleanly, then the connection."""

    async def pieces(self, pieces: Sequence[Piece]) -> None:
        """Send pieces of the answer."""
        make = self.envelope
        await self.events(
            [make.reasoning(p.text) if p.is_reasoning else make.content(p.text) for p in pieces]
        )

    async def finish(self, reason: str) -> None:
        """Send the finish reason."""
        await self.events([self.envelope.finish(reason)])

    async def usage(self, usage: dict[str, Any]) -> None:
        """Send the token counts."""
        await self.events([self.envelope.usage(usage)])

    async def heartbeat(self) -> None:
        """Send what says only that the connection lives."""

    async def done(self) -> None:
        """Send the end marker, where there is one."""

    def line_endings(self, lines: Lines) -> None:
        """From here on end lines as told, where there are lines."""


class SseOutlet(Outlet):
    """Server-sent events in the body of an HTTP answer."""

    via = "sse"

    def __init__(self, door: HttpDoor, envelope: Envelope) -> None:
        super().__init__(door.connection, envelope)
        self._door = door
        self._line_ends = cycle(_LINE_ENDS["lf"])
        self._cuts_character = cycle([False, False, False, False, True])
        self._crlf_apart = False

    async def open(self, headers: Mapping[str, str]) -> None:
        self._door.start_stream(SSE_HEADERS | dict(headers))
        self._door.piece(b": a scripted answer\n\n")
        await self.events([self.envelope.opening()])

    async def events(self, events: Sequence[bytes]) -> None:
        ends = self._line_ends
        await self.raw(b"".join(b"data: %b%b%b" % (e, next(ends), next(ends)) for e in events))

    async def raw(self, data: bytes) -> None:
        if self._crlf_apart:
            await self._packets(_AFTER_CR.findall(data))
        elif self.packet_bytes is not None:
            size = self.packet_bytes
            await self._packets([data[at : at + size] for at in range(0, len(data), size)])
        elif not data.isascii() and next(self._cuts_character):
            # As on a real network, some packets end within a character.
            middle = next(at for at, byte in enumerate(data) if byte > 0x7F) + 1
            await self._packets([data[:middle], data[middle:]])
        else:
            self._door.piece(data)
            await self.connection.drain()

    async def _packets(self, packets: Sequence[bytes]) -> None:
        for packet in packets:
            self._door.piece(packet)
            await self.connection.drain()
            await asyncio.sleep(self.pause_seconds)

    def refuse(self, status: Status, headers: Mapping[str, str]) -> None:
        self._door.respond(status.status, status.body, headers)

    def end(self) -> None:
        self._door.end_stream()

    def close(self, code: int) -> None:
        self._door.end_stream()
        self.connection.close()

    async def heartbeat(self) -> None:
        await self.raw(b": ping\n\n")

    async def done(self) -> None:
        await self.events([b"[DONE]"])

    def line_endings(self, lines: Lines) -> None:
        self._line_ends = cycle(_LINE_ENDS[lines.ending])
        self._crlf_apart = lines.ending == "crlf_apart"


class WebSocketOutlet(Outlet):
    """One text frame an event; the end of an answer leaves the socket open for the next one."""

    via = "websocket"

    def __init__(self, door: WebSocketDoor, envelope: Envelope) -> None:
        super().__init__(door.connection, envelope)
        self._door = door

    async def open(self, headers: Mapping[str, str]) -> None:
        self._door.send(b"ping")
        await self.events([self.envelope.opening()])

    async def events(self, events: Sequence[bytes]) -> None:
        for event in events:
            await self.raw(event)

    async def raw(self, data: bytes) -> None:
        if self.packet_bytes is None:
            self._door.send(data)
            await self.connection.drain()
            return
        # Fragments of a message may end within a character.
        for start in range(0, len(data), self.packet_bytes):
            stop = start + self.packet_bytes
            self._door.send(data[start:stop], fin=stop >= len(data), first=start == 0)
            await self.connection.drain()
            await asyncio.sleep(self.pause_seconds)

    def refuse(self, status: Status, headers: Mapping[str, str]) -> None:
        body = status.body
        self._door.send(body.encode() if isinstance(body, str) else msgspec.json.encode(body))
        self._door.close(status.close_code)

    def end(self) -> None:
        return

    def close(self, code: int) -> None:
        self._door.close(code)

    async def heartbeat(self) -> None:
        self._door.send(b"ping")
