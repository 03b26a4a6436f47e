"""A raw server on loopback that sends scripted bytes and sees when the client goes away."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from chat.relay.transports.scripted import Hang, Lose, Refuse, Send, Step, Wait

Act = bytes | float | Literal["reset", "hang", "close", "upgrade"]

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def piece(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def stream(*pieces: bytes, end: bool = True) -> list[Act]:
    """A stream of these pieces, each written by itself."""
    return [STREAM, *(piece(data) for data in pieces), *([END] if end else [])]


def respond(status: int, body: bytes | str | dict[str, Any] = b"", **headers: str) -> list[Act]:
    """A whole response."""
    if isinstance(body, dict):
        body = json.dumps(body)
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ["\r\n".join(lines).encode() + b"\r\n\r\n" + raw]


def chunk(content: str = "", finish_reason: str | None = None, **fields: Any) -> bytes:
    """The event of one chunk object."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return event({"id": "x", "object": "chat.completion.chunk", "choices": [choice], **fields})


def event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def acts_of(script: Sequence[Step]) -> list[Act]:
    """What the scripted double plays, as acts on the wire."""
    if script and isinstance(script[0], Refuse):
        error = script[0].error
        after = (
            {}
            if error.retry_after_seconds is None
            else {"Retry_After": f"{error.retry_after_seconds:g}"}
        )
        return respond(error.status or 500, {"error": {"message": error.message}}, **after)
    acts: list[Act] = [STREAM]
    for step in script:
        if isinstance(step, Send) and isinstance(step.payload, str):
            acts.append(piece(b"data: " + step.payload.encode() + b"\n\n"))
        elif isinstance(step, Send):
            acts.append(piece(event(step.payload)))
        elif isinstance(step, Wait):
            acts.append(step.seconds)
        elif isinstance(step, Lose):
            acts += [0.05, "reset"]  # a reset at once would overtake the bytes before it
        elif isinstance(step, Hang):
            acts.append("hang")
    return [*acts, END]


def frame(payload: bytes | str, opcode: int = 1, fin: bool = True) -> bytes:
    """One WebSocket frame of a server; opcode 1 text, 2 binary, 0 continuation, 8 close, 9 ping."""
    data = payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else payload
    head = bytes([0x80 * fin | opcode])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 65536:
        return head + b"\x7e" + len(data).to_bytes(2, "big") + data
    return head + b"\x7f" + len(data).to_bytes(8, "big") + data


def goodbye(code: int = 1000, reason: str = "") -> bytes:
    """A close frame."""
    return frame(code.to_bytes(2, "big") + reason.encode(), opcode=8)


def frames_of(script: Sequence[Step]) -> list[Act]:
    """What the scripted double plays, as acts on a WebSocket."""
    if script and isinstance(script[0], Refuse):
        return acts_of(script)
    acts: list[Act] = ["upgrade"]
    for step in script:
        if isinstance(step, Send):
            payload = step.payload
            acts.append(frame(payload if isinstance(payload, str) else json.dumps(payload)))
        elif isinstance(step, Wait):
            acts.append(step.seconds)
        elif isinstance(step, Lose):
            acts += [0.05, "reset"]
        elif isinstance(step, Hang):
            acts.append("hang")
    return [*acts, goodbye(), "close"]


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Loopback:
    """Plays one script for each request, the last one again and again. One that begins with
    "upgrade" agrees to a WebSocket and takes its first message for the request's body."""

    scripts: list[list[Act]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    playing: int = 0  # scripts that have begun
    streams_left: list[float] = field(default_factory=list)  # when clients left in mid-stream
    client_frames: list[tuple[int, bytes]] = field(default_factory=list)  # after the request
    address: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            while (request := await _read_request(reader)) is not None:
                script = self.scripts[min(len(self.received), len(self.scripts) - 1)]
                self.received.append(request)
                if script and script[0] == "upgrade":
                    if "sec-websocket-key" not in request.headers:
                        return  # its handshake was given up before it could be read
                    script = script[1:]
                    writer.write(agreement(request))
                    _, request.body = await read_frame(reader)
                self.playing += 1
                if not await self._play(script, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()

    async def _play(
        self, script: list[Act], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """False = the connection is over."""
        upgraded = self.received[-1].headers.get("upgrade") == "websocket"
        left = asyncio.ensure_future(
            self._frames_until_close(reader) if upgraded else reader.read(1)
        )
        try:
            for act in script:
                if isinstance(act, bytes):
                    writer.write(act)
                    await writer.drain()
                    await asyncio.sleep(0)
                elif act == "reset":
                    writer.transport.abort()
                    return False
                elif act == "close":
                    return False
                else:
                    await asyncio.wait([left], timeout=None if act == "hang" else float(act))
                if left.done():
                    self.streams_left.append(asyncio.get_running_loop().time())
                    return False
            return True
        except ConnectionError:
            self.streams_left.append(asyncio.get_running_loop().time())
            return False
        finally:
            left.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await left

    async def _frames_until_close(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while (found := await read_frame(reader))[0] != 8:
                self.client_frames.append(found)

    async def until(self, true: Callable[[], bool], timeout_seconds: float = 2.0) -> None:
        async with asyncio.timeout(timeout_seconds):
            while not true():
                await asyncio.sleep(0.002)


def agreement(request: Received) -> bytes:
    """A relay's consent to a WebSocket."""
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    digest = hashlib.sha1((request.headers["sec-websocket-key"] + guid).encode()).digest()
    lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}")  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of a client's frame."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    mask = await reader.readexactly(4)
    data = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split(" ")
    return Received(method, path, headers, body)
