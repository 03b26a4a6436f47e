from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from chat.relay.attempts import RoutedEvent
from chat.relay.settings import RelaySettings
from chat.relay.transports.sse import SSETransport
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import ChatRequest, Delta, Finish, RelayMessage, UsageReport
from tests.relay.loopback import Loopback

CANARY_KEY = "hs_canary0123456789SECRET"

REQUEST = ChatRequest(model="gpt-4.1", messages=(RelayMessage("user", "Hello?"),), max_tokens=256)


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    relay = Loopback()
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    relay.address = f"http://{host}:{port}/v1"
    yield relay
    server.close()
    await relay.until(lambda: relay.open_connections == 0)
    await server.wait_closed()


@pytest.fixture
def settings_for(loopback: Loopback) -> Callable[..., RelaySettings]:
    def make(**changes: Any) -> RelaySettings:
        return RelaySettings(
            **{"name": "loopback", "base_url": loopback.address, "api_key": CANARY_KEY} | changes
        )

    return make


@pytest.fixture
async def sse(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> AsyncIterator[Callable[..., SSETransport]]:
    made: list[SSETransport] = []

    def make(**changes: Any) -> SSETransport:
        made.append(SSETransport(settings_for(**changes)))
        return made[-1]

    yield make
    for transport in made:
        await transport.aclose()


@pytest.fixture
def websocket(settings_for: Callable[..., RelaySettings]) -> Callable[..., WebSocketTransport]:
    return lambda **changes: WebSocketTransport(settings_for(**changes))


def text_of(events: Sequence[RoutedEvent]) -> str:
    return "".join(event.content for event in events if isinstance(event, Delta))


def usages_of(events: Sequence[RoutedEvent]) -> list[UsageReport]:
    return [event for event in events if isinstance(event, UsageReport)]


def finishes_of(events: Sequence[RoutedEvent]) -> list[str]:
    return [event.finish_reason for event in events if isinstance(event, Finish)]
