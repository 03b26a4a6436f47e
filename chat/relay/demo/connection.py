"""One TCP connection of the demo relay: bytes in and out, and the moment the client leaves.

Written on asyncio's protocol callbacks and not on its streams because the relay's log must tell an
orderly close (FIN) from a reset (RST), with the time of the callback itself, also while the answer
sleeps between two tokens or waits for a slow reader.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

from chat.relay.demo.record import Departure

READ_LIMIT_BYTES = 256 * 1024
_SETTLE_SECONDS = 0.01


class Connection(asyncio.Protocol):
    """Reads and writes one socket; runs `serve` as the connection's only long task."""

    def __init__(self, serve: Callable[["Connection"], Coroutine[Any, Any, None]]) -> None:
        self._serve = serve
        self._received = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended_here = False
        self.sink: Callable[[bytes], None] | None = None
        self.on_departure: Callable[[], object] | None = None
        self.on_end: Callable[[], object] | None = None
        self.departure: Departure | None = None
        self.departed_monotonic_ns: int | None = None
        self.task: asyncio.Task[None] | None = None

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start serving."""
        self._transport = cast(asyncio.Transport, transport)
        self.task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the sink, or keep a bounded amount for `read`."""
        if self.sink is not None:
            self.sink(data)
            return
        self._received += data
        self._arrived.set()
        if len(self._received) > READ_LIMIT_BYTES:
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Note the client's FIN; the transport then closes by itself."""
        self.depart("fin")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note a reset, or the end of a close."""
        self.depart("rst" if exc is not None else "fin")
        self._end_here()
        self._writable.set()

    def pause_writing(self) -> None:
        """Let `drain` wait: the client reads more slowly than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `drain` go on."""
        self._writable.set()

    # For the doors

    def depart(self, how: Departure) -> None:
        """Note that the client has left, once, and tell who asked to know."""
        if self.departure is None and not self._ended_here:
            self.departure = how
            self.departed_monotonic_ns = time.monotonic_ns()
            if self.on_departure is not None:
                self.on_departure()
        self._wake()

    def _end_here(self) -> None:
        self._ended_here = True
        self._wake()

    def _wake(self) -> None:
        self._arrived.set()
        if self.on_end is not None:
            self.on_end()

    @property
    def is_over(self) -> bool:
        """Whether either side has ended the connection."""
        return self._ended_here or self.departure is not None

    async def read(self) -> bytes:
        """Wait for bytes; empty when the client has left."""
        await self._arrived.wait()
        data = bytes(self._received)
        self._received.clear()
        if not self.is_over:
            self._arrived.clear()
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Write now, or buffer if the socket is full; follow with `drain`."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait while the client does not read."""
        if self._transport.is_closing():
            # Lets the loop tell of the loss before the caller writes on and on.
            await asyncio.sleep(0)
        if not self._writable.is_set():
            await self._writable.wait()

    def close(self) -> None:
        """Close in order, after what was written."""
        self._end_here()
        self._transport.close()

    async def reset(self) -> None:
        """Send RST once everything written has gone out and had a moment to be read."""
        self._transport.set_write_buffer_limits(high=0)
        await self.drain()
        await asyncio.sleep(_SETTLE_SECONDS)
        handle: socket.socket | None = self._transport.get_extra_info("socket")
        if handle is not None:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        """Close at once, dropping what was not sent."""
        self._end_here()
        self._transport.abort()
