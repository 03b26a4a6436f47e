"""The published examples, at a real site: they stream, stop, and come back after a cut."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Site
from tests.conformance.test_conformance import EXAMPLE, example
from tests.conftest import lacking
from tests.node import node, run_script

HERE = Path(__file__).parent
TABLE, LONG = "Show me a table", "Write something long"


def socket_of(site: Site) -> str:
    return "ws" + site.server.url.removeprefix("http") + "/ws/chat/"


def stored(site: Site, text: str) -> list[tuple[Any, ...]]:
    """The state of the turns whose answer is this text."""
    query = (
        "select turn.state from chat_turn turn join chat_message message "
        "on turn.assistant_message_id = message.id where message.content = ?"
    )
    return site.server.rows(query, text)


async def test_the_example_for_python_prints_an_answer_and_its_cost(site: Site) -> None:
    arguments = (str(EXAMPLE), site.server.url, "Say something short")
    env = {**os.environ, "TRAM_API_KEY": site.key}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=env, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    text, _, end = said.decode().strip().rpartition("\n")
    assert end.startswith("completed, 0.00")
    assert ("completed",) in stored(site, text)


async def test_the_example_for_python_says_in_a_line_why_it_is_refused(site: Site) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), site.server.url, "Hello"),
        env={**os.environ, "TRAM_API_KEY": "tram_0"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    assert (process.returncode, told.decode()) == (1, "Refused: the key is not valid (4401)\n")


async def test_the_example_for_python_stops_at_an_interrupt(site: Site) -> None:
    env = {**os.environ, "TRAM_API_KEY": site.key}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), site.server.url, LONG, env=env, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    begun = await process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    said = begun + await process.stdout.read()
    await process.wait()
    assert said.decode().strip().rpartition("\n")[2].startswith("interrupted, ")


@pytest.mark.parametrize("question", [TABLE, LONG])
async def test_the_example_for_python_comes_back_after_cuts(site: Site, question: str) -> None:
    answer = example().Answer(question, model="gpt-4.1")
    cuts = 0

    def cut_now_and_then(answer: Any) -> None:
        nonlocal cuts
        if len(answer.text) > 300 * (cuts + 1) and cuts < 3:
            cuts += 1
            answer._socket.transport.abort()

    async with asyncio.timeout(30):
        await answer.follow(socket_of(site), site.key, cut_now_and_then)
    assert cuts
    assert stored(site, answer.text)[-1] == ("completed",)


async def test_the_example_for_javascript_streams_stops_and_comes_back(site: Site) -> None:
    if node() is None:
        lacking("Node with the page's packages")
    held = await run_script(HERE / "example.mjs", env=site.environment())
    assert held["short"]["state"] == held["cut"]["state"] == "completed"
    assert held["stopped"]["state"] == "interrupted"
    for answer in held.values():
        assert (answer["state"],) in stored(site, answer["text"])
