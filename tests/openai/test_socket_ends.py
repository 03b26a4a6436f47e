"""Sockets of programs at their bounds: too many, too fast, never read, and a restart."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import websockets

from tests.openai.conftest import LIMITS
from tests.openai.program import QUICK, question
from tests.openai.socket_program import is_end, open_program, text_of
from tests.openai.waiting import eventually
from tests.servers import TramServer
from tests.sockets.ended import ended


@pytest.fixture(scope="module")
def tram_server(
    priced_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site with room for few sockets."""
    few = {**LIMITS, "MAX_API_SOCKETS": "3", "FRAMES_PER_SECOND": "1", "FRAMES_BURST": "5"}
    folder = tmp_path_factory.mktemp("bounds")
    with TramServer(folder, priced_template, few, relay_options=QUICK) as server:
        yield server


async def test_one_socket_too_many_is_told_so_and_closed(tram_server: TramServer, key: str) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(open_program(tram_server, key))
        async with open_program(tram_server, key) as crowded:
            assert (await crowded.frame())["error"]["status"] == 429
            assert await crowded.closed() == 4429
    async with open_program(tram_server, key) as after:
        await after.ask()
        assert text_of(await after.answer())


async def test_frames_that_come_too_fast_are_refused_and_a_flood_closes(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        for _ in range(300):
            await program.send("ping")
        refusal = None
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in program.connection:
                refusal = frame if "rate_limit" in str(frame) else refusal
        assert refusal is not None
        assert program.connection.close_code == 4429


async def test_who_never_reads_is_dropped_and_its_turn_is_over(
    tram_server: TramServer, key: str
) -> None:
    before = ended(tram_server, "not_read")
    async with open_program(tram_server, key, receive_bytes=8_192) as mute:
        await mute.send(question(model="fault-endless", max_tokens=200_000))
        await asyncio.to_thread(eventually, lambda: ended(tram_server, "not_read") == before + 1)
    # The flood may have come to its limit before anybody noticed.
    running = "select 1 from chat_turn where state = 'running'"
    eventually(lambda: tram_server.rows(running) == [])


async def test_a_drain_lets_the_answer_end_and_closes_then(
    tram_server: TramServer, key: str
) -> None:
    async with (
        open_program(tram_server, key) as idle,
        open_program(tram_server, key) as busy,
    ):
        await busy.ask("Write something long", max_tokens=600)
        await busy.until(lambda frame: text_of([frame]))
        tram_server.signal(signal.SIGTERM)
        assert await idle.closed() == 4012
        last = (await busy.until(is_end))[-1]
        assert last["choices"][0]["finish_reason"]
        assert await busy.closed() == 4012
