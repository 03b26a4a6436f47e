"""Stopping closes the connection to the relay at once: it would go on generating and billing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat.relay.client import RelayClient
from chat.relay.settings import RelaySettings, TransportPolicy
from chat.relay.transports.sse import SSETransport
from chat.relay.types import Delta
from tests.relay.conftest import REQUEST
from tests.relay.frames import DELTA, LAST
from tests.relay.loopback import STREAM, Act, Loopback, chunk, piece
from tests.relay.reading import stream_of

STAGES: dict[str, list[Act]] = {
    "before the headers": ["hang"],
    "before the first byte": [STREAM, "hang"],
    "in mid-stream": [STREAM, piece(chunk("a")), "hang"],
    "after the finish": [STREAM, piece(chunk("a", "stop")), "hang"],
    "websocket: in the handshake": ["hang"],
    "websocket: before the first byte": ["upgrade", "hang"],
    "websocket: in mid-stream": ["upgrade", DELTA, "hang"],
    "websocket: after the finish": ["upgrade", LAST, "hang"],
}


def transport_of(stage: str) -> TransportPolicy:
    return "websocket" if stage.startswith("websocket") else "sse"


async def consume(client: RelayClient, arrived: asyncio.Event) -> None:
    async for event in stream_of(client):
        if isinstance(event, Delta):
            arrived.set()


@pytest.mark.parametrize("cancels", [1, 2, 3])
@pytest.mark.parametrize("stage", STAGES)
async def test_cancelling_closes_the_connection_at_once(
    stage: str, cancels: int, loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [STAGES[stage]]
    client = RelayClient(settings_for(transport=transport_of(stage)))
    events = [asyncio.Event() for _ in range(8)]
    tasks = [asyncio.create_task(consume(client, event)) for event in events]
    await loopback.until(lambda: len(loopback.received) == 8)
    if any(isinstance(act, bytes) and b"delta" in act for act in STAGES[stage]):
        await asyncio.gather(*(event.wait() for event in events))
    else:
        await asyncio.sleep(0.05)  # let the headers, if any, arrive
    for round_number in range(cancels):
        for task in tasks:
            task.cancel()
        if round_number % 2:
            await asyncio.sleep(0)
    asked_at = asyncio.get_running_loop().time()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await loopback.until(lambda: len(loopback.streams_left) == 8)
    assert max(loopback.streams_left) - asked_at < 0.5
    await client.aclose()


async def test_cancelling_between_turns_of_the_loop_closes_the_connection(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    paced: list[Act] = [piece(chunk("a")), 0.001]
    loopback.scripts = [[STREAM, *(paced * 2000), "hang"]]
    client = RelayClient(settings_for())
    tasks = [asyncio.create_task(consume(client, asyncio.Event())) for _ in range(8)]
    await loopback.until(lambda: len(loopback.received) == 8)
    for task in tasks:
        task.cancel()
        await asyncio.sleep(0.003)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loopback.until(lambda: len(loopback.streams_left) == 8)
    await client.aclose()


@pytest.mark.parametrize("stage", ["in mid-stream", "websocket: in mid-stream"])
async def test_closing_the_generator_closes_the_connection_at_once(
    stage: str, loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [STAGES[stage]]
    client = RelayClient(settings_for(transport=transport_of(stage)))
    stream = stream_of(client)
    while not isinstance(await stream.__anext__(), Delta):
        pass
    asked_at = asyncio.get_running_loop().time()
    await stream.aclose()
    await loopback.until(lambda: len(loopback.streams_left) == 1)
    assert loopback.streams_left[0] - asked_at < 0.2
    await client.aclose()


async def test_a_timeout_closes_the_connection(
    loopback: Loopback, sse: Callable[..., SSETransport]
) -> None:
    loopback.scripts = [STAGES["in mid-stream"]]
    with pytest.raises(Exception, match="silent"):
        await asyncio.wait_for(_drain(sse(idle_timeout_seconds=0.05)), 2)
    await loopback.until(lambda: len(loopback.streams_left) == 1)


@pytest.mark.parametrize("stage", ["in mid-stream", "websocket: in mid-stream"])
async def test_no_task_is_left_behind(
    stage: str, loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [STAGES[stage]]
    client = RelayClient(settings_for(transport=transport_of(stage)))
    stream = stream_of(client)
    while not isinstance(await stream.__anext__(), Delta):
        pass
    await stream.aclose()
    await client.aclose()
    await loopback.until(lambda: loopback.open_connections == 0)
    await loopback.until(lambda: len(asyncio.all_tasks()) <= 1)


async def _drain(transport: SSETransport) -> None:
    async for _ in transport.stream(REQUEST):
        pass
