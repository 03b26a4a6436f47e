"""Who closes the connection stops the turn at once, whenever that is, and it is settled."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from tests.openai.program import PATH, Program, let_relay, question
from tests.openai.test_hostile_programs import request_bytes
from tests.openai.waiting import eventually
from tests.servers import TramServer
from tests.sockets.raw import RawConnection

PROMPT_SECONDS = 2.0
"""A relay's answers here take longer than this."""


def running(server: TramServer) -> int:
    """How many turns run."""
    return int(server.rows("SELECT count(*) FROM chat_turn WHERE state = 'running'")[0][0])


def newest(server: TramServer) -> tuple[Any, ...]:
    """How the newest turn stands: state, cost, milliseconds."""
    (row,) = server.rows(
        "SELECT state, cost_nano_usd, total_ms FROM chat_turn ORDER BY created_at DESC LIMIT 1"
    )
    return row


def held(server: TramServer) -> int:
    """What is held in all budgets, in nano-USD."""
    return int(server.rows("SELECT sum(held_nano_usd) FROM billing_budget")[0][0])


def relay_streams(server: TramServer) -> int:
    """How many answers the relay writes."""
    address = server.relay_url.removesuffix("/v1") + "/demo/streams"
    return int(httpx.get(address, trust_env=False).json()["open"])


def assert_settled(server: TramServer, since: float) -> None:
    """The newest turn was interrupted soon, nothing is held, and the relay writes no more."""
    eventually(lambda: running(server) == 0 and held(server) == 0)
    assert time.monotonic() - since < PROMPT_SECONDS
    assert newest(server)[0] == "interrupted"
    eventually(lambda: relay_streams(server) == 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_before_the_first_word(tram_server: TramServer, key: str, stream: bool) -> None:
    body = question(model="fault-silent", stream=stream)
    async with await RawConnection.open(tram_server.url) as connection:
        await connection.send(request_bytes(key, body))
        eventually(lambda: running(tram_server) == 1)
    assert_settled(tram_server, time.monotonic())


async def test_in_mid_stream(tram_server: TramServer, key: str) -> None:
    let_relay(tram_server, {"act": "bench", "tokens": 100_000, "tokens_per_second": 100})
    async with await RawConnection.open(tram_server.url) as connection:
        await connection.send(request_bytes(key, question(stream=True)))
        heard = b""
        while heard.count(b"data: ") < 5:
            heard += await connection.read()
    assert_settled(tram_server, time.monotonic())
    assert newest(tram_server)[1] > 0


async def test_while_a_whole_answer_is_written(tram_server: TramServer, key: str) -> None:
    let_relay(tram_server, {"act": "bench", "tokens": 100_000, "tokens_per_second": 100})
    async with await RawConnection.open(tram_server.url) as connection:
        await connection.send(request_bytes(key, question()))
        eventually(lambda: relay_streams(tram_server) == 1)
    assert_settled(tram_server, time.monotonic())


@pytest.mark.parametrize("after_seconds", [0.0, 0.001, 0.003, 0.005, 0.01, 0.02])
async def test_during_the_admission(
    tram_server: TramServer, key: str, after_seconds: float
) -> None:
    before = tram_server.rows("SELECT count(*) FROM chat_turn")
    for _ in range(5):
        body = question(model="fault-silent", stream=True)
        async with await RawConnection.open(tram_server.url) as connection:
            await connection.send(request_bytes(key, body))
            await asyncio.sleep(after_seconds)
    since = time.monotonic()
    # What was not admitted yet may still be; it does not live long.
    await asyncio.sleep(0.3)
    eventually(lambda: running(tram_server) == 0 and held(tram_server) == 0)
    assert time.monotonic() - since < PROMPT_SECONDS
    if tram_server.rows("SELECT count(*) FROM chat_turn") != before:
        assert newest(tram_server)[0] == "interrupted"
    eventually(lambda: relay_streams(tram_server) == 0)


async def test_before_the_body_has_come(
    tram_server: TramServer, key: str, program: Program
) -> None:
    before = tram_server.rows("SELECT count(*) FROM chat_turn")
    request = request_bytes(key, question())
    async with await RawConnection.open(tram_server.url) as connection:
        await connection.send(request[:-5])
    assert program.ask().status_code == 200
    assert tram_server.rows("SELECT count(*) FROM chat_turn") == [(before[0][0] + 1,)]


async def test_only_the_connection_that_began_a_turn_stops_it(
    tram_server: TramServer, program: Program
) -> None:
    let_relay(tram_server, {"act": "bench", "tokens": 100, "tokens_per_second": 50})
    headers = {"Idempotency-Key": "only the first"[:4] + "-first"}
    body = question(stream=True)
    with program.http.stream("POST", PATH, json=body, headers=headers) as first:
        lines = first.iter_lines()
        next(lines)
        with program.http.stream("POST", PATH, json=body, headers=headers) as again:
            next(again.iter_lines())
        read = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert read[-1] == "[DONE]"
    assert json.loads(read[-2])["choices"][0]["finish_reason"] == "stop"
    assert newest(tram_server)[0] == "completed"
