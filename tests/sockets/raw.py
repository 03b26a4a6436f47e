"""Clients that do what no library would: connections that say nothing or trickle, sockets that
never read, frames made by hand."""

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

SMALL_BUFFER_BYTES = 4096


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


class RawConnection:
    """A TCP connection that takes as little into its buffers as the system allows."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made

    @classmethod
    async def open(cls, url: str) -> Self:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, address_of(url))
        return cls(made)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.close()

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def read(self) -> bytes:
        """Some bytes; none once the server has closed."""
        try:
            return await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
        except ConnectionError:
            return b""

    async def closed(self, seconds: float = 60.0) -> bytes:
        """Everything up to the server's close."""
        data = b""
        async with asyncio.timeout(seconds):
            while piece := await self.read():
                data += piece
        return data


async def upgrade(url: str, headers: Mapping[str, str]) -> RawConnection:
    """Open the browser socket, read `ready`, and leave the reading to the caller."""
    connection = await RawConnection.open(url)
    await connection.send(upgrade_request(url, headers))
    data = b""
    while b'"ready"' not in data:
        piece = await connection.read()
        assert piece, data
        data += piece
    return connection


def upgrade_request(url: str, headers: Mapping[str, str]) -> bytes:
    host, port = address_of(url)
    lines = [
        "GET /ws/chat/ HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: tram.v1",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(**command: Any) -> bytes:
    """A command as a client's frame, masked with zeros."""
    payload = json.dumps(command).encode()
    assert len(payload) < 65_536
    if len(payload) < 126:
        return struct.pack("!BB", 0x81, 0x80 | len(payload)) + bytes(4) + payload
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(payload)) + bytes(4) + payload


def frames_in(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Opcode and payload of each whole frame of the server's."""
    at = 0
    while at + 2 <= len(data):
        opcode, length = data[at] & 0x0F, data[at + 1]
        at += 2
        if length == 126:
            (length,), at = struct.unpack_from("!H", data, at), at + 2
        elif length == 127:
            (length,), at = struct.unpack_from("!Q", data, at), at + 8
        yield opcode, data[at : at + length]
        at += length


def close_code(data: bytes) -> int | None:
    """The code of the server's close frame, if there is one."""
    for opcode, payload in frames_in(data):
        if opcode == 8:
            (code,) = struct.unpack_from("!H", payload)
            return int(code)
    return None
