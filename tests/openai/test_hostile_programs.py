"""Programs that do not read, that send too much, that trickle: each is ended or refused in words,
and the others notice nothing."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.faults.memory import peak_bytes, reset_peak
from tests.openai.program import PATH, Program, error_of, let_relay, question
from tests.openai.waiting import eventually
from tests.servers import TramServer
from tests.sockets.ended import ended
from tests.sockets.raw import RawConnection

MEBIBYTE = 1_048_576


@pytest.fixture
def healthy(program: Program) -> Iterator[Program]:
    """A program that must notice nothing: after each test it is answered."""
    yield program
    assert program.stream().is_whole


def request_bytes(key: str, body: dict[str, Any]) -> bytes:
    """A request, byte by byte."""
    content = json.dumps(body).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def test_who_never_reads_a_stream_is_dropped_and_its_turn_stopped(
    healthy: Program, tram_server: TramServer, key: str
) -> None:
    before = ended(tram_server, "not_read")
    resting_bytes = reset_peak(tram_server.pid)
    let_relay(tram_server, {"act": "bench", "tokens": 200_000, "tokens_per_second": 2_500})
    body = question(stream=True, max_tokens=200_000)
    async with await RawConnection.open(tram_server.url) as mute:
        await mute.send(request_bytes(key, body))
        while ended(tram_server, "not_read") == before:
            # Meanwhile others are answered.
            assert (await asyncio.to_thread(healthy.stream)).is_whole
    stopped = "SELECT cost_nano_usd > 0 FROM chat_turn WHERE state = 'interrupted'"
    eventually(lambda: tram_server.rows(stopped) == [(1,)])
    # Next to nothing of what the relay said meanwhile waited here.
    assert peak_bytes(tram_server.pid) - resting_bytes < 40 * MEBIBYTE


@pytest.mark.parametrize("size_bytes", [8_388_609, 10_000_000, 11_000_000, 30_000_000])
def test_a_body_that_is_too_long_is_refused_in_words(healthy: Program, size_bytes: int) -> None:
    content = b'{"model": "' + b"x" * size_bytes + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = healthy.http.post(PATH, content=content, headers=headers)
    assert answer.status_code == 413
    error = error_of(answer)
    assert error["code"] == "request_too_large"
    assert str(error["detail"]["limit_bytes"]) in error["message"]


def test_a_body_in_pieces_that_is_too_long_is_refused_in_words(healthy: Program) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(12):
            yield b"x" * MEBIBYTE

    headers = {"Content-Type": "application/json"}
    answer = healthy.http.post(PATH, content=pieces(), headers=headers)
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "request_too_large"


async def test_who_promises_more_than_it_sends_is_ended_in_time(
    healthy: Program, tram_server: TramServer, key: str
) -> None:
    before = ended(tram_server, "too_slow")
    request = request_bytes(key, question()).replace(b"Content-Length: ", b"Content-Length: 9")
    async with await RawConnection.open(tram_server.url) as liar:
        await liar.send(request)
        assert await liar.closed() == b""
    assert ended(tram_server, "too_slow") == before + 1


async def test_what_comes_beyond_the_promised_length_is_no_part_of_the_request(
    healthy: Program, tram_server: TramServer, key: str
) -> None:
    body = json.dumps(question()).encode()
    request = request_bytes(key, question()).replace(
        f"Content-Length: {len(body)}".encode(), f"Content-Length: {len(body) - 5}".encode()
    )
    async with await RawConnection.open(tram_server.url) as liar:
        await liar.send(request)
        heard = await liar.closed()
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"is not JSON" in heard


def test_what_is_nested_too_deep_is_refused(healthy: Program) -> None:
    deep = '{"model": "gpt-4.1", "messages": ' + "[" * 100_000 + "]" * 100_000 + "}"
    headers = {"Content-Type": "application/json"}
    answer: httpx.Response = healthy.http.post(PATH, content=deep, headers=headers)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "invalid_request"
