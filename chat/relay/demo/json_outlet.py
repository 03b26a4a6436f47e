"""Where the acts of a script come out when the client did not ask for a stream."""
# ruff: noqa: ARG002, D102

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from chat.relay.demo.acts import Status
from chat.relay.demo.envelope import Envelope
from chat.relay.demo.http_door import HttpDoor
from chat.relay.demo.outlets import Outlet, Piece


class JsonOutlet(Outlet):
    """One JSON body at the end; acts about the bytes of a stream do nothing."""

    via = "json"

    def __init__(self, door: HttpDoor, envelope: Envelope) -> None:
        super().__init__(door.connection, envelope)
        self._door = door
        self._headers: Mapping[str, str] = {}
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._finish_reason: str | None = None
        self._usage: dict[str, Any] | None = None

    async def open(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    async def events(self, events: Sequence[bytes]) -> None:
        return

    async def raw(self, data: bytes) -> None:
        return

    async def pieces(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            (self._reasoning if piece.is_reasoning else self._content).append(piece.text)
        await asyncio.sleep(0)

    async def finish(self, reason: str) -> None:
        self._finish_reason = reason

    async def usage(self, usage: dict[str, Any]) -> None:
        self._usage = usage

    def refuse(self, status: Status, headers: Mapping[str, str]) -> None:
        self._door.respond(status.status, status.body, headers)

    def end(self) -> None:
        content, reasoning = "".join(self._content), "".join(self._reasoning)
        body = self.envelope.whole(content, reasoning, self._finish_reason, self._usage)
        self._door.respond(200, body, self._headers)

    def close(self, code: int) -> None:
        self.end()
        self.connection.close()
