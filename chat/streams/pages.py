"""A page's stream: the very frames of the socket, as server-sent events."""

import asyncio
import contextlib

import msgspec
from django.db import Error as DatabaseError

from chat.consumers import handshake
from chat.consumers.attendant import Attendant, ClientGone
from chat.consumers.handshake import Closed, Greeting
from chat.openai.calls import Call
from chat.openai.streaming import EVENT_STREAM, HEAD
from chat.protocol import Attach, Command
from chat.services.errors import RateLimited, Restarting

PING_SECONDS = 15.0
"""A stream says something at least so often: proxies end silent connections, and a page gives up
one of which it hears nothing."""
PING = b": ping\n\n"
TOO_MANY_SECONDS = 15.0


class PageStream:
    """Serves one page until it goes, or the server ends the stream with a close code."""

    def __init__(self, call: Call, greeting: Greeting, address: str) -> None:
        self._call = call
        self._greeting = greeting
        self._address = address
        self._ended = asyncio.Event()

    async def run(self, watch: list[Attach], commands: list[Command]) -> None:
        """Follow `watch`, do `commands` in order, and stream what comes of it.

        Raises RateLimited, Restarting and django.db.Error before anything was said.
        """
        counted = self._greeting.person.id, self._address
        try:
            handshake.sockets.enter(*counted)
        except Closed:
            raise RateLimited(
                "Too many pages of this person or address are open. Close one.",
                retry_after_seconds=TOO_MANY_SECONDS,
                limit="sockets",
            ) from None
        try:
            async with self._call.watched() as gone:
                await self._serve(watch, commands, gone)
        finally:
            handshake.sockets.leave(*counted)

    async def _serve(
        self, watch: list[Attach], commands: list[Command], gone: "asyncio.Task[None]"
    ) -> None:
        try:
            attendant = Attendant(self._greeting, self._write_frame, self._close, acks=False)
        except Closed:
            raise Restarting from None
        pings: asyncio.Task[None] | None = None
        over = asyncio.create_task(self._ended.wait(), name="end of a page's stream")
        try:
            await self._call.begin(200, EVENT_STREAM, HEAD)
            try:
                await attendant.begin(watch)
            except DatabaseError:
                # Its head is out: the page comes back by itself.
                await attendant.end(handshake.RESTARTING)
            for command in commands:
                attendant.take(command)
            pings = asyncio.create_task(self._ping(), name="pings of a page's stream")
            await asyncio.wait({gone, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = {task for task in (over, pings) if task is not None}
            for task in tasks:
                task.cancel()
            await attendant.leave()
            await asyncio.wait(tasks)
        if not gone.done():
            await self._call.write(b"", more=False)

    async def _write_frame(self, text: str) -> None:
        await self._write(b"data: %b\n\n" % text.encode())

    async def _close(self, code: int) -> None:
        with contextlib.suppress(ClientGone):
            await self._write(b"event: close\ndata: %b\n\n" % msgspec.json.encode({"code": code}))
        self._ended.set()

    async def _ping(self) -> None:
        with contextlib.suppress(ClientGone):
            while True:
                await asyncio.sleep(PING_SECONDS)
                await self._write(PING)

    async def _write(self, data: bytes) -> None:
        try:
            await self._call.write(data)
        except Exception as error:
            raise ClientGone from error
