"""What the tests of the WebSocket transport share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from chat.relay import errors
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import RelayEvent
from tests.relay.conftest import REQUEST
from tests.relay.loopback import chunk as event_of
from tests.relay.loopback import frame

Make = Callable[..., WebSocketTransport]


def chunk(*parts: Any, **fields: Any) -> bytes:
    return event_of(*parts, **fields).removeprefix(b"data: ").strip()


DELTA = frame(chunk("a"))
LAST = frame(chunk("b", "stop"))


async def collect(transport: WebSocketTransport, into: list[RelayEvent]) -> None:
    async with asyncio.timeout(5):
        async for event in transport.stream(REQUEST):
            into.append(event)


async def failure_of(transport: WebSocketTransport) -> tuple[errors.RelayError, list[RelayEvent]]:
    events: list[RelayEvent] = []
    with pytest.raises(errors.RelayError) as caught:
        await collect(transport, events)
    return caught.value, events
