"""The way between a browser and a site: it may break, go dead without a word, or lead elsewhere."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

PIECE_BYTES = 65_536
ANSWER_SECONDS = 30.0


class Bridge:
    """One address on loopback that leads to `to_port`, from a thread of its own."""

    def __init__(self, to_port: int = 0) -> None:
        self.to_port = to_port
        self._closed = False
        # What crosses belongs to a generation; of earlier ones nothing arrives any more.
        self._generation = 0
        self._crossing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bridge", daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._do(asyncio.start_server(self._cross, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection; new ones come about."""
        self._do(self._cut())

    def lose(self) -> None:
        """Carry nothing over any connection there is, and keep it open; new ones are well."""
        self._generation += 1

    def break_down(self) -> None:
        """Break every connection, and every new one at once."""
        self._closed = True
        self.cut()

    def mend(self) -> None:
        """Let new connections through again."""
        self._closed = False

    def lead_to(self, port: int) -> None:
        """Break every connection; new ones lead elsewhere."""
        self.to_port = port
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()

    async def _cut(self) -> None:
        crossing = set(self._crossing)
        for task in crossing:
            task.cancel()
        if crossing:
            await asyncio.wait(crossing)

    async def _cross(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._crossing.add(task)
        try:
            if not self._closed:
                onward = await asyncio.open_connection("127.0.0.1", self.to_port)
                await self._both_ways((reader, writer), onward)
        except (OSError, asyncio.CancelledError):
            # Nobody is there, or the bridge breaks.
            writer.transport.abort()
        finally:
            self._crossing.discard(task)
            writer.close()

    async def _both_ways(self, here: Any, there: Any) -> None:
        born = self._generation
        ways = {
            asyncio.create_task(self._copy(here[0], there[1], born)),
            asyncio.create_task(self._copy(there[0], here[1], born)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            there[1].close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, born: int
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(PIECE_BYTES):
                if born == self._generation:
                    writer.write(data)
                    await writer.drain()

    def _do(self, step: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(ANSWER_SECONDS)
