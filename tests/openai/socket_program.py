"""A program on the WebSocket form: bodies out, frames in."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import websockets

from tests.openai.program import PATH, question
from tests.servers import TramServer

Frame = dict[str, Any]


class SocketProgram:
    """One open socket of a program."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection

    async def send(self, frame: Any) -> None:
        """Send a frame: a text as it is, anything else as JSON."""
        await self.connection.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def ask(self, text: str = "Say something short", **fields: Any) -> None:
        """Send the body of a request."""
        await self.send(question(text, **fields))

    async def frame(self) -> Frame:
        """The next frame."""
        async with asyncio.timeout(30):
            found: Frame = json.loads(await self.connection.recv())
        return found

    async def until(self, wanted: Callable[[Frame], Any]) -> list[Frame]:
        """All frames up to the first one that is wanted."""
        frames = [await self.frame()]
        while not wanted(frames[-1]):
            frames.append(await self.frame())
        return frames

    async def answer(self) -> list[Frame]:
        """All frames up to the one with the finish reason, or with an error."""
        return await self.until(is_end)

    async def closed(self) -> int:
        """The code with which the server closes the socket. Frames on their way are read and let
        go: with too many of them unread the client would not come to the close."""
        async with asyncio.timeout(30):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code


def is_end(frame: Frame) -> bool:
    """Whether a frame ends an answer."""
    return "error" in frame or any(choice["finish_reason"] for choice in frame.get("choices", ()))


def text_of(frames: list[Frame]) -> str:
    """The text that chunks bring."""
    deltas = [c["delta"] for frame in frames for c in frame.get("choices", ())]
    return "".join(delta.get("content") or "" for delta in deltas)


@asynccontextmanager
async def open_program(
    server: TramServer,
    key: str,
    headers: dict[str, str] | None = None,
    *,
    receive_bytes: int = 0,
) -> AsyncIterator[SocketProgram]:
    """Connect with a key, as a client of the relay does; `receive_bytes` is how much its system
    takes before it is read."""
    address = "ws" + server.url.removeprefix("http") + PATH
    carried = {"Authorization": f"Bearer {key}"} if headers is None else headers
    line = socket.socket()
    if receive_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    line.setblocking(False)
    where = urlsplit(server.url)
    await asyncio.get_running_loop().sock_connect(line, (where.hostname, where.port))
    options: Any = {"max_size": None, "max_queue": 1 if receive_bytes else 16, "proxy": None}
    async with websockets.connect(
        address, additional_headers=carried, sock=line, **options
    ) as connection:
        yield SocketProgram(connection)
