"""A door before the relay or Redis: open, mute (it takes connections and says nothing), swallowing
(the same, and open connections stay as if nothing were wrong), or shut (a connection never comes
about)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Self

_ESTABLISHED_SECONDS = 0.2
_PIECE_BYTES = 65_536


class Door:
    """Forwards TCP connections on loopback to a port, as long as it is open."""

    def __init__(self, to_port: int | None) -> None:
        self.to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.heard_bytes = 0
        """What it was told since it was muted."""
        self._mute = False
        self.deaf_after: bytes | None = None
        """Whoever says these words through the door gets through, and hears no answer any more."""
        self._accepting: asyncio.Task[None] | None = None
        self._passages: set[asyncio.Task[None]] = set()
        self._plugs: list[socket.socket] = []

    async def __aenter__(self) -> Self:
        self._accepting = asyncio.create_task(self._accept(), name="door")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()
        self._listener.close()

    async def open(self) -> None:
        """Let everybody through."""
        await self._stop()
        self._mute, self.deaf_after = False, None
        self._accepting = asyncio.create_task(self._accept(), name="door")

    async def mute(self) -> None:
        """End all connections; take new ones and leave them without an answer."""
        await self.open()
        self._mute = True

    def swallow(self) -> None:
        """Keep all connections, take new ones, and carry nothing any more."""
        self._mute = True

    async def shut(self) -> None:
        """End all connections; the kernel answers no new one, as its queue is full."""
        await self._stop()
        loop = asyncio.get_running_loop()
        while True:
            plug = socket.socket()
            plug.setblocking(False)
            self._plugs.append(plug)
            try:
                async with asyncio.timeout(_ESTABLISHED_SECONDS):
                    await loop.sock_connect(plug, ("127.0.0.1", self.port))
            except TimeoutError:
                return

    async def _stop(self) -> None:
        tasks = {task for task in (self._accepting, *self._passages) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for plug in self._plugs:
            plug.close()
        self._plugs.clear()
        self.heard_bytes = 0
        self._accepting = None

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            passage = asyncio.create_task(self._pass(connection), name="passage")
            self._passages.add(passage)
            passage.add_done_callback(self._passages.discard)

    async def _pass(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        # Nobody is there: then nobody is here either.
        with suppress(ConnectionError):
            await self._lead(reader, writer)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._mute:
                while data := await reader.read(_PIECE_BYTES):
                    self.heard_bytes += len(data)
                return
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
            try:
                deaf = asyncio.Event()
                await _all_ways(
                    self._copy(reader, onward_writer, speaks=deaf),
                    self._copy(onward_reader, writer, hears=deaf),
                )
            finally:
                onward_writer.close()
        finally:
            writer.close()

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        speaks: asyncio.Event | None = None,
        hears: asyncio.Event | None = None,
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_PIECE_BYTES):
                if self._mute or (hears and hears.is_set()):
                    self.heard_bytes += len(data)
                    continue
                if speaks and self.deaf_after is not None and self.deaf_after in data:
                    # Before it is sent, as the answer may be quick.
                    speaks.set()
                writer.write(data)
                await writer.drain()


async def _all_ways(*copies: Coroutine[None, None, None]) -> None:
    ways = {asyncio.create_task(copy) for copy in copies}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)
