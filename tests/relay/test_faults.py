"""The client against the demo relay's faults: each row of the table of faults that it can meet."""

from __future__ import annotations

import asyncio

import pytest

from chat.relay.attempts import RoutedEvent
from chat.relay.client import RelayClient, RelaySettings
from chat.relay.demo import DemoRelay
from chat.relay.demo.faults import FAULTS
from chat.relay.errors import RelayError
from chat.relay.routing import Router
from chat.relay.settings import TransportPolicy
from chat.relay.types import ChatRequest, RelayMessage
from tests.relay.conftest import finishes_of, text_of
from tests.relay.reading import stream_of

FAILING = {
    "reset": ("relay_stream_broken", True),
    "dropped": ("relay_stream_broken", True),
    "hang": ("relay_timeout", True),
    "silent": ("relay_timeout", True),
    "no-head": ("relay_timeout", True),
    "malformed-often": ("relay_protocol", True),
    "truncated": ("relay_truncated", True),
    "busy": ("relay_rate_limited", False),
    "busy-hour": ("relay_rate_limited", False),
    "forbidden": ("relay_auth", False),
    "unauthorized": ("relay_auth", False),
    "error-500": ("relay_unavailable", True),
    "error-event": ("relay_error", True),
    "html": ("relay_protocol", True),
    "endless": ("relay_protocol", True),
    "long-line": ("relay_protocol", True),
}
ROWS = [name for name, fault in FAULTS.items() if fault.row is not None and fault.row <= 22]


@pytest.mark.parametrize("transport", ["sse", "websocket"])
@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_ends_as_the_table_says(name: str, transport: TransportPolicy) -> None:
    async with DemoRelay(tokens_per_second=None, first_token_seconds=0.0, seed=1) as relay:
        settings = RelaySettings(
            name="demo",
            base_url=relay.base_url,
            api_key="hs_demo",
            transport=transport,
            idle_timeout_seconds=0.4,
            first_byte_timeout_seconds=0.4,
        )
        client = RelayClient(settings)
        router = Router(sleep=lambda _: asyncio.sleep(0))
        request = ChatRequest(f"fault-{name}", (RelayMessage("user", "Hello?"),), 40)
        events: list[RoutedEvent] = []
        outcome = None
        try:
            async with asyncio.timeout(20):
                async for event in stream_of(client, request, router):
                    events.append(event)
        except RelayError as error:
            outcome = (error.code, error.sent)
        finally:
            await client.aclose()
        assert outcome == FAILING.get(name)
        assert {request.via for request in relay.requests} == {transport}
        if outcome is None:
            assert finishes_of(events)
            assert text_of(events)
