"""The relay's log: what was generated, when each client left, and how the relay saw it."""

import asyncio
import json
import socket
import struct
import time
from pathlib import Path

import pytest

from chat.relay.demo import DemoRelay
from chat.relay.demo.pieces import cut
from tests.relay.demo.client import (
    body,
    chunks,
    http,
    pieces,
    said,
    sse,
    stream,
    usages,
    websocket,
)

LONG = "a long story"
NOTICED_WITHIN_NS = 100_000_000


async def test_a_closed_stream_is_noticed_between_two_tokens(slow_relay: DemoRelay) -> None:
    async with stream(slow_relay, body(LONG)) as response:
        await anext(response.aiter_raw())
        assert slow_relay.log.last().state == "open"
        left_at = time.monotonic_ns()
    await slow_relay.until_quiet()
    record = slow_relay.log.last()
    assert record.state == "left"
    assert record.closed_by in ("fin", "rst")
    assert record.closed_monotonic_ns is not None
    assert 0 <= record.closed_monotonic_ns - left_at < NOTICED_WITHIN_NS
    # At two tokens a second, the next one is far off when the client leaves.
    assert 1 <= record.tokens_generated <= 4


async def test_generation_stops_when_the_client_leaves() -> None:
    async with DemoRelay(tokens_per_second=200, first_token_seconds=0.0) as relay:
        async with stream(relay, body(LONG)) as response:
            received = bytearray()
            async for data in response.aiter_raw():
                received += data
                if received.count(b"data: ") > 20:
                    break
        await relay.until_quiet()
        generated = relay.log.last().tokens_generated
        await asyncio.sleep(0.05)
        assert relay.log.last().tokens_generated == generated
        assert 18 <= generated < 60


async def test_a_reset_is_told_from_an_orderly_close(slow_relay: DemoRelay) -> None:
    for linger, how in ((True, "rst"), (False, "fin")):
        reader, writer = await asyncio.open_connection("127.0.0.1", slow_relay.port)
        content = json.dumps(body(LONG)).encode()
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer hs_demo\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await reader.readuntil(b"chatcmpl")
        # What was read must be all there is, or the kernel makes a RST of an orderly close.
        await reader.readuntil(b'"finish_reason":null')
        if linger:
            handle = writer.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.write_eof()
        await slow_relay.until_quiet()
        assert slow_relay.log.last().closed_by == how
        writer.close()


@pytest.mark.parametrize("model", ["gpt-4.1", "fault-hang", "fault-silent"])
async def test_a_closed_websocket_is_noticed(slow_relay: DemoRelay, model: str) -> None:
    async with websocket(slow_relay, body(LONG, model=model)) as client:
        await client.recv()
        left_at = time.monotonic_ns()
    await slow_relay.until_quiet()
    record = slow_relay.log.last()
    assert record.state == "left"
    assert record.closed_by == "websocket_close"
    assert record.closed_monotonic_ns is not None
    assert record.closed_monotonic_ns - left_at < NOTICED_WITHIN_NS


async def test_a_client_that_leaves_before_the_head_is_noticed(slow_relay: DemoRelay) -> None:
    request = asyncio.create_task(sse(slow_relay, body(model="fault-no-head")))
    while not slow_relay.log.open_records:
        await asyncio.sleep(0.001)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    await slow_relay.until_quiet()
    assert slow_relay.log.last().state == "left"
    assert slow_relay.log.last().tokens_generated == 0


async def test_a_client_that_does_not_read_stops_the_generation(relay: DemoRelay) -> None:
    async with stream(relay, body(model="fault-endless")):
        record = relay.log.last()
        before = -1
        async with asyncio.timeout(10):
            while record.tokens_generated != before:
                before = record.tokens_generated
                await asyncio.sleep(0.1)
        assert len(relay.log.open_records) == 1
    await relay.until_quiet()
    assert record.state == "left"


async def test_the_record_prices_prompt_and_generated_tokens(relay: DemoRelay) -> None:
    await sse(relay, body("hello there", max_tokens=9))
    record = relay.log.last()
    assert record.prompt_tokens == len(cut("hello there")) == 2
    assert record.tokens_generated == 9
    assert record.cost_nano_usd == (2 + 9) * 8_000
    await sse(relay, body("hello there", model="gpt-4o"))
    assert relay.log.last().cost_nano_usd is None
    await sse(relay, body("x", model="deepseek-v3.2", max_tokens=2))
    assert relay.log.last().cost_nano_usd == 1_260


async def test_the_log_is_served_while_streams_are_open(slow_relay: DemoRelay) -> None:
    root = slow_relay.base_url.removesuffix("/v1")
    async with stream(slow_relay, body(LONG)) as response, http() as client:
        request_id = response.headers["x-request-id"]
        streams = (await client.get(root + "/demo/streams")).json()
        assert streams == {"open": 1, "request_ids": [request_id]}
        assert (await client.get(root + "/demo/log")).json()["requests"][0]["state"] == "open"
    await slow_relay.until_quiet()
    async with http() as client:
        assert (await client.get(root + "/demo/streams")).json()["open"] == 0
        logged = (await client.get(root + "/demo/log")).json()["requests"][0]
    assert (logged["request_id"], logged["state"]) == (request_id, "left")


async def test_each_finished_request_is_a_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "relay.jsonl"
    async with DemoRelay(tokens_per_second=None, first_token_seconds=0, log_file=path) as relay:
        found = await sse(relay, body())
        await sse(relay, body(model="fault-truncated"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["state"] for line in lines] == ["completed", "broken"]
    assert f"chatcmpl-{lines[0]['request_id']}".encode() in found


async def test_closing_the_relay_ends_open_streams(tmp_path: Path) -> None:
    relay = DemoRelay(tokens_per_second=2.0)
    await relay.__aenter__()
    async with websocket(relay, body(LONG)) as client:
        await client.recv()
        await asyncio.wait_for(relay.aclose(), 2)
        assert relay.log.open_records == ()
        assert relay.log.last().state == "broken"


async def test_the_pace_is_kept() -> None:
    async with DemoRelay(tokens_per_second=100, first_token_seconds=0.2) as relay:
        started = time.monotonic()
        await sse(relay, body("hello", max_tokens=50))
        took = time.monotonic() - started
    assert 0.6 < took < 1.5
    record = relay.log.last()
    assert record.first_token_monotonic_ns is not None
    assert record.first_token_monotonic_ns - record.seen_monotonic_ns >= 190_000_000


async def test_bench_tokens_carry_their_number_and_time(relay: DemoRelay) -> None:
    request = body(model="bench-40x200")
    started = time.monotonic_ns()
    found = chunks(await sse(relay, request))
    tokens = [token.split(":") for token in said(found).split()]
    assert [int(index) for index, _ in tokens] == list(range(40))
    times = [int(sent) for _, sent in tokens]
    assert times == sorted(times)
    assert started < times[0]
    assert 0.15e9 < times[-1] - times[0] < 1.0e9
    assert pieces(found) == 40 == usages(found)[0]["completion_tokens"]
    assert pieces(chunks(await sse(relay, body(model="bench-5000x0", max_tokens=900)))) == 900


async def test_the_relay_does_not_write_on_to_a_client_that_left(
    relay: DemoRelay, caplog: pytest.LogCaptureFixture
) -> None:
    for model in ("fault-long-line", "fault-endless", "bench-200000x0"):
        async with stream(relay, body(model=model)) as response:
            await anext(response.aiter_raw())
        await relay.until_quiet()
        assert relay.log.last().state == "left"
    assert "socket.send() raised" not in caplog.text
