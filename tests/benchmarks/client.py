"""A WebSocket client that costs next to nothing: it notes when each frame came, and acknowledges.

Frames are read only as far as needed; what they say is worked out after the measurement.
"""

import asyncio
import itertools
import re
import struct
import time
from typing import Self, cast

SEQ = re.compile(rb'"seq":(\d+)')
# As the page does; its clients are spread over the time as people are.
ACK_BYTES = 64 * 1024
ACK_SECONDS = 0.5
ACK_SLICES = 50
WAIT_SECONDS = 30.0
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Closed(Exception):
    """The server closed a socket, or refused it."""


class BenchSocket(asyncio.Protocol):
    """One open socket. `frames` holds (monotonic ns, payload) of every text frame since `forget`.

    Once `turn` is set, chunks are acknowledged: every 64 KiB at once, and with `ack`.
    """

    transport: asyncio.Transport

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.turn: bytes | None = None
        self._request = _handshake(path, headers)
        self._received = b""
        self._open = False
        self._lost: str | None = None
        self._waiting: tuple[bytes, asyncio.Future[bytes]] | None = None
        self._acked_frames = 0
        self._unacked_bytes = 0

    @classmethod
    async def open(cls, port: int, path: str, headers: dict[str, str], ready: bytes) -> Self:
        """Connect to loopback and wait for a frame that holds `ready`, if it is not empty."""
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: cls(path, headers), "127.0.0.1", port
        )
        await socket.wait_for(ready)
        return socket

    def forget(self) -> None:
        """Begin anew: drop the frames and the turn."""
        self.frames.clear()
        self.turn = None
        self._acked_frames = self._unacked_bytes = 0

    def send(self, text: bytes) -> None:
        """Send one text frame."""
        self.transport.write(_frame(_TEXT, text))

    async def wait_for(self, marker: bytes) -> bytes:
        """Give the first frame that holds `marker`; raises Closed or TimeoutError."""
        for _, payload in self.frames:
            if marker in payload:
                return payload
        if self._lost is not None:
            raise Closed(self._lost)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting = (marker, future)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await future
        finally:
            self._waiting = None

    def ack(self) -> None:
        """Acknowledge the newest chunk, if there is one that is not."""
        if self.turn is None or len(self.frames) == self._acked_frames:
            return
        self._acked_frames = len(self.frames)
        self._unacked_bytes = 0
        seq = SEQ.search(self.frames[-1][1])
        if seq is not None:
            self.send(b'{"type":"ack","turn":"%b","seq":%b}' % (self.turn, seq[1]))

    def close(self) -> None:
        """Leave without ceremony."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(f"connection lost: {exc}")

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._received + data if self._received else data
        at = 0
        if not self._open:
            head, gap, _ = data.partition(b"\r\n\r\n")
            if not gap:
                self._received = data
                return
            self._open = head.startswith(b"HTTP/1.1 101")
            if not self._open:
                self._lose(head.decode("latin-1"))
                return
            at = len(head) + len(gap)
            self._take(_TEXT, b"", now)
        while (found := _next_frame(data, at)) is not None:
            opcode, payload, at = found
            self._take(opcode, payload, now)
        self._received = data[at:]

    def _take(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == _PING:
            self.transport.write(_frame(_PONG, payload))
        elif opcode == _CLOSE:
            self._lose(f"closed: {payload[:2].hex()} {payload[2:]!r}")
        else:
            self.frames.append((now, payload))
            self._unacked_bytes += len(payload)
            if self._unacked_bytes > ACK_BYTES:
                self.ack()
            if self._waiting is not None:
                marker, future = self._waiting
                if marker in payload and not future.done():
                    future.set_result(payload)

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].set_exception(Closed(self._lost))


async def acknowledge(sockets: list[BenchSocket]) -> None:
    """Acknowledge for all of them, at the pace the protocol asks for, until cancelled."""
    for part in itertools.cycle(range(ACK_SLICES)):
        for socket in sockets[part::ACK_SLICES]:
            socket.ack()
        await asyncio.sleep(ACK_SECONDS / ACK_SLICES)


def _handshake(path: str, headers: dict[str, str]) -> bytes:
    fields = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _frame(opcode: int, payload: bytes) -> bytes:
    """A masked frame; the mask is zero, which leaves the bytes as they are."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    else:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    return head + b"\0\0\0\0" + payload


def _next_frame(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Opcode, payload and end of the frame that begins at `at`; None while it is incomplete."""
    if len(data) < at + 2:
        return None
    opcode, size, start = data[at] & 0x0F, data[at + 1], at + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(data) < start + width:
            return None
        size, start = int.from_bytes(data[start : start + width]), start + width
    end = start + size
    return (opcode, data[start:end], end) if len(data) >= end else None
