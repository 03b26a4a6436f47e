"""Leaving a WebSocket closes its TCP connection at once, wherever the attempt is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing

import psutil
import pytest
import uvloop

from chat.relay.settings import RelaySettings
from chat.relay.transports.websocket import WebSocketTransport
from tests.relay.conftest import CANARY_KEY, REQUEST
from tests.relay.frames import DELTA, LAST
from tests.relay.loopback import Act, Loopback

STAGES: dict[str, list[Act]] = {
    "in TLS": [],
    "in the handshake": ["hang"],
    "before the first byte": ["upgrade", "hang"],
    "in mid-stream": ["upgrade", DELTA, "hang"],
    "in mid-message": ["upgrade", DELTA, DELTA[:20], "hang"],
    "after the finish": ["upgrade", LAST, "hang"],
}
AT_ONCE_SECONDS = 0.3


def descriptors() -> int:
    return psutil.Process().num_fds()


async def read_on(transport: WebSocketTransport) -> None:
    async for _ in transport.stream(REQUEST):
        pass


async def leave(stage: str, cancels: int) -> None:
    """Cancel eight attempts at this stage and see that the relay notices and nothing is left."""
    loop = asyncio.get_running_loop()
    relay = Loopback([STAGES[stage]])
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    scheme = "https" if stage == "in TLS" else "http"
    settings = RelaySettings(
        name="loopback", base_url=f"{scheme}://{host}:{port}/v1", api_key=CANARY_KEY
    )
    before = descriptors()
    tasks = [asyncio.create_task(read_on(WebSocketTransport(settings))) for _ in range(8)]
    if stage == "in TLS":
        await relay.until(lambda: relay.open_connections == 8)
    else:
        await relay.until(lambda: relay.playing == 8)
    await asyncio.sleep(0.02)  # what the relay has sent arrives
    for number in range(cancels):
        for task in tasks:
            task.cancel()
        if number % 2:
            await asyncio.sleep(0)
    asked_at = loop.time()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await relay.until(lambda: relay.open_connections == 0)
    assert loop.time() - asked_at < AT_ONCE_SECONDS
    await relay.until(lambda: len(asyncio.all_tasks()) == 1)
    await relay.until(lambda: descriptors() <= before)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("cancels", [1, 2, 3])
@pytest.mark.parametrize("stage", STAGES)
async def test_cancelling_closes_the_connection_at_once(stage: str, cancels: int) -> None:
    await leave(stage, cancels)


@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_closes_the_connection_at_once_on_uvloop(stage: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(leave(stage, 1))


async def test_cancelling_while_tcp_connects_leaves_no_socket() -> None:
    with closing(socket.socket()) as full, closing(socket.socket()) as filling:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filling.connect(full.getsockname())  # the next one's SYN finds no place
        port = full.getsockname()[1]
        settings = RelaySettings(name="full", base_url=f"http://127.0.0.1:{port}/v1")
        before = descriptors()
        task = asyncio.create_task(read_on(WebSocketTransport(settings)))
        await asyncio.sleep(0.05)
        connecting = descriptors()
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert (connecting, descriptors()) == (before + 1, before)


async def test_cancelling_at_any_turn_of_the_loop_leaves_nothing() -> None:
    relay = Loopback([["upgrade", *([DELTA] * 5), "hang"]])
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    before = descriptors()
    for scheme in ("http", "https"):
        settings = RelaySettings(name="loopback", base_url=f"{scheme}://{host}:{port}/v1")
        for turns in range(40):
            task = asyncio.create_task(read_on(WebSocketTransport(settings)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await relay.until(lambda: relay.open_connections == 0)
    await relay.until(lambda: len(asyncio.all_tasks()) == 1)
    await relay.until(lambda: descriptors() <= before)
    server.close()
    await server.wait_closed()


async def test_closing_the_generator_closes_the_connection_at_once(
    loopback: Loopback, websocket: Callable[..., WebSocketTransport]
) -> None:
    loopback.scripts = [STAGES["in mid-stream"]]
    stream = websocket().stream(REQUEST)
    await stream.__anext__()
    asked_at = asyncio.get_running_loop().time()
    await stream.aclose()
    await loopback.until(lambda: len(loopback.streams_left) == 1)
    assert loopback.streams_left[0] - asked_at < AT_ONCE_SECONDS


async def test_a_relay_that_ignores_the_close_does_not_hold_the_end_up(
    loopback: Loopback, websocket: Callable[..., WebSocketTransport]
) -> None:
    loopback.scripts = [["upgrade", LAST, "hang"]]
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(2):
        await read_on(websocket(finish_grace_seconds=0.1))
    assert asyncio.get_running_loop().time() - began < 0.1 + AT_ONCE_SECONDS
