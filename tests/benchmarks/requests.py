"""An HTTP client that costs next to nothing: it posts a request and notes when each line came.

Stands in for a socket: `send` opens a connection for one request, `hang_up` leaves it.
"""

import asyncio
import time
from typing import cast

from tests.benchmarks.client import WAIT_SECONDS, Closed

END = b"[DONE]"


class BenchRequests:
    """One request after the other. `frames` holds (monotonic ns, line) of every line of the newest
    answer."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.turn: bytes | None = None
        self._port = port
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: tuple[bytes, asyncio.Future[bytes]] | None = None

    def forget(self) -> None:
        """Begin anew: what still comes of the answer before is not listened to."""
        if self._connection is not None:
            self._connection.owner = None
            self._connection = None
        self.frames.clear()

    def send(self, body: bytes) -> None:
        """Post one request to the chat completions."""
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n{self._headers}\r\n"
        )
        self._connection = _Connection(self, head.encode() + body)
        self._connecting = asyncio.create_task(self._connect(self._connection))

    async def _connect(self, connection: "_Connection") -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: connection, "127.0.0.1", self._port)

    async def wait_for(self, marker: bytes) -> bytes:
        """Give the first line that holds `marker`; raises Closed or TimeoutError."""
        for _, line in self.frames:
            if marker in line:
                return line
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting = (marker, future)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await future
        finally:
            self._waiting = None

    def ack(self) -> None:
        """Nothing is acknowledged here."""

    def hang_up(self) -> None:
        """Close the connection in mid-answer, which is how programs stop one."""
        self.close()
        self.take(END, time.monotonic_ns())

    def close(self) -> None:
        """Leave."""
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.abort()

    def take(self, line: bytes, now_ns: int) -> None:
        """Note a line."""
        self.frames.append((now_ns, line))
        if self._waiting is not None:
            marker, future = self._waiting
            if marker in line and not future.done():
                future.set_result(line)

    def lose(self, error: Exception | None) -> None:
        """Nothing more will come."""
        if self._waiting is not None and not self._waiting[1].done():
            heard = b"\n".join(line for _, line in self.frames[-5:])
            self._waiting[1].set_exception(Closed(f"{error}: {heard!r}"))


class _Connection(asyncio.Protocol):
    def __init__(self, owner: BenchRequests, request: bytes) -> None:
        self.owner: BenchRequests | None = owner
        self.transport: asyncio.Transport | None = None
        self._request = request
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            if self.owner is not None:
                self.owner.take(line, now_ns)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.owner is not None:
            self.owner.lose(exc)
