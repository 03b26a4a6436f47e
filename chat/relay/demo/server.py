"""The demo relay: a real server that speaks like a relay and answers from scripts."""

import asyncio
from types import TracebackType
from typing import Any, Self

import msgspec

from chat.relay.demo.acts import Script
from chat.relay.demo.casting import Casting
from chat.relay.demo.connection import Connection
from chat.relay.demo.handshakes import Handshake
from chat.relay.demo.record import RequestLog, RequestRecord
from chat.relay.demo.routes import Routes
from chat.relay.demo.settings import DemoSettings
from chat.relay.demo.shelf import Shelf


class DemoRelay:
    """A demo relay in the running event loop: ``async with DemoRelay(port=0) as relay``.

    Takes a `DemoSettings`, or its fields as keywords. Raises OSError when the port is taken.
    """

    def __init__(self, settings: DemoSettings | None = None, **changes: Any) -> None:
        self.settings = msgspec.structs.replace(settings or DemoSettings(), **changes)
        self.log = RequestLog(self.settings.log_file)
        self._casting = Casting(reads_prompts=self.settings.lists_faults)
        self.shelf = Shelf()
        self._routes = Routes(self.settings, self.log, self._casting, self.shelf)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._serve), self.settings.host, self.settings.port
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def base_url(self) -> str:
        """The address to give to a client, ``http://127.0.0.1:PORT/v1``."""
        return f"http://{self.settings.host}:{self.port}/v1"

    @property
    def websocket_url(self) -> str:
        """The address of the WebSocket form."""
        return f"ws://{self.settings.host}:{self.port}/v1/chat/completions"

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """What happened to each chat request, oldest first."""
        return self.log.records

    def play_next(self, script: Script, times: int = 1) -> None:
        """Give this script to the next chat requests that do not ask for another."""
        self._casting.queue.extend([script] * times)

    def shake_next(self, handshake: Handshake, times: int = 1) -> None:
        """Answer the next WebSocket handshakes like this."""
        self._casting.handshakes.extend([handshake] * times)

    async def until_quiet(self, timeout_seconds: float = 5.0) -> None:
        """Wait until no stream is open; raises TimeoutError naming those that still are."""
        try:
            await asyncio.wait_for(self.log.quiet.wait(), timeout_seconds)
        except TimeoutError as error:
            raise TimeoutError(f"open streams at the relay: {self.log.open_records}") from error

    async def _serve(self, connection: Connection) -> None:
        self._connections.add(connection)
        try:
            await self._routes.serve(connection)
        finally:
            self._connections.discard(connection)
            connection.close()

    async def aclose(self) -> None:
        """Stop listening, cut every connection, and wait until all their tasks have ended."""
        if self._server is None:
            return
        self._server.close()
        tasks = [c.task for c in self._connections if c.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
