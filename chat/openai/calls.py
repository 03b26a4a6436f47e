"""One request over HTTP and the answer to it, as ASGI messages."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any
from uuid import uuid4

import msgspec

from chat.completions import ProgramError

Headers = Iterable[tuple[bytes, bytes]]
JSON = b"application/json"
NOT_IN_THE_CLEAR = "Use https: a key must not travel in the clear."


class Disconnected(Exception):
    """The client has closed the connection."""


class Call:
    """A request. `id` names it in the answer's head and in the log; a turn's id may replace it."""

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.is_secure: bool = scope.get("scheme") == "https"
        self.headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        self.id = f"req_{uuid4().hex}"
        # Named in every answer, once they are known.
        self.told: list[tuple[bytes, bytes]] = []
        self.begun = False
        self._receive = receive
        self._send = send
        self._since = time.monotonic()

    def header(self, name: bytes) -> str | None:
        """The value of a header, the last one of several; None if there is none."""
        values = [value for each, value in self.headers if each == name]
        return values[-1].decode("latin-1") if values else None

    async def piece(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether more follows. Raises Disconnected."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise Disconnected
        return message.get("body", b""), message.get("more_body", False)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncGenerator["asyncio.Task[None]"]:
        """Watch the connection; the task ends when it is closed. After the body was read."""
        task = asyncio.create_task(self._closed(), name="watch of a call")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _closed(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def begin(self, status: int, content_type: bytes, headers: Headers = ()) -> None:
        """Send the head of the answer."""
        self.begun = True
        milliseconds = round((time.monotonic() - self._since) * 1000)
        head = [
            (b"content-type", content_type),
            (b"x-request-id", self.id.encode()),
            (b"openai-processing-ms", str(milliseconds).encode()),
            (b"x-content-type-options", b"nosniff"),
            *self.told,
            *headers,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send a piece of the answer's body; returns once the client has read what was before."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(self, status: int, value: Any, headers: Headers = ()) -> None:
        """Send a whole answer as JSON."""
        body = msgspec.json.encode(value)
        length = (b"content-length", str(len(body)).encode())
        await self.begin(status, JSON, [length, (b"cache-control", b"no-store"), *headers])
        await self.write(b"" if self.method == "HEAD" else body, more=False)

    async def nothing(self) -> None:
        """Send a head that says it all."""
        self.begun = True
        head = [(b"x-request-id", self.id.encode()), (b"content-length", b"0"), *self.told]
        await self._send({"type": "http.response.start", "status": 204, "headers": head})
        await self.write(b"", more=False)

    async def refuse(self, error: ProgramError, headers: Headers = ()) -> None:
        """Send a refusal with its status and when to come again."""
        more = list(headers)
        if error.retry_after_seconds is not None:
            more.append((b"retry-after", str(math.ceil(error.retry_after_seconds)).encode()))
        if error.status == 401:
            more.append((b"www-authenticate", b"Bearer"))
        await self.answer(error.status, error.body(), more)
