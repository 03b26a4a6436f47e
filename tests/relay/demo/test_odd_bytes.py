"""Faults of form: malformed events, packets, line ends, separators, floods (rows 4-8, 21, 22)."""

import asyncio
import json

import pytest

from chat.relay.demo import DemoRelay
from chat.relay.demo.repertoire import answer_to
from tests.relay.demo.client import chunks, frames, payloads, said, sse, stream, usages, websocket
from tests.relay.demo.scenes import BROKEN_OFF, fault, refused, until_closed


async def test_row_1_none(relay: DemoRelay) -> None:
    received = await sse(relay, fault("none"))
    assert said(chunks(received)) == answer_to("hello", "hello", "fault-none")
    assert payloads(received)[-1] == "[DONE]"


async def test_row_4_one_malformed_event(relay: DemoRelay) -> None:
    received = await sse(relay, fault("malformed-once"))
    assert sum(BROKEN_OFF in payload for payload in payloads(received)) == 1
    assert said(chunks(received)) == answer_to("hello", "hello", "fault-malformed-once")


async def test_row_5_many_malformed_events(relay: DemoRelay) -> None:
    received = await sse(relay, fault("malformed-often"))
    assert sum(BROKEN_OFF in payload for payload in payloads(received)) > 3


@pytest.mark.parametrize(("name", "size"), [("split-utf8", 3), ("trickle", 1)])
async def test_row_6_small_packets(relay: DemoRelay, name: str, size: int) -> None:
    received = bytearray()
    async with stream(relay, fault(name)) as response:
        async for data in response.aiter_raw():
            received += data
    assert "🚋" in said(chunks(bytes(received)))
    async with websocket(relay, fault(name)) as client:
        assert said(await frames(client)) == said(chunks(bytes(received)))
    # On the wire itself: every HTTP chunk of an event is that small.
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    content = json.dumps(fault(name)).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hs_demo\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
    )
    wire = await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()
    assert wire.count(b"\r\n%d\r\n" % size) > len(received) / size * 0.8


@pytest.mark.parametrize(
    ("name", "ending"),
    [("crlf", b"\r\n"), ("crlf-apart", b"\r\n"), ("cr-only", b"\r"), ("mixed-lines", None)],
)
async def test_row_7_line_ends(relay: DemoRelay, name: str, ending: bytes | None) -> None:
    received = await sse(relay, fault(name))
    assert said(chunks(received)) == answer_to("hello", "hello", f"fault-{name}")
    assert payloads(received)[-1] == "[DONE]"
    events = received[received.index(b"data: ") :]
    if ending is None:
        assert b"}\r\n\r" in events
        assert b"}\r\r" in events
        assert b"}\n\n" in events
    else:
        assert events.count(b"}" + ending * 2) == len(chunks(received))
        assert (b"\n" in events) == (b"\n" in ending)


async def test_row_8_separators_inside_the_content(relay: DemoRelay) -> None:
    received = await sse(relay, fault("separators"))
    text = said(chunks(received))
    assert all(mark in text for mark in "\u2028\u2029\u0085\u000b\u000c\x1c")
    assert "\u2028".encode() in received
    assert len(usages(chunks(received))) == 1


async def test_row_21_html(relay: DemoRelay) -> None:
    answer = await refused(relay, "html")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    texts, _ = await until_closed(relay, "html")
    assert texts[0].startswith("<!doctype html>")


async def test_row_22_long_line(relay: DemoRelay) -> None:
    received = await sse(relay, fault("long-line"))
    assert max(len(line) for line in received.split(b"\n")) == 10 * 1024 * 1024
    assert payloads(received)[-1] == "[DONE]"


async def test_row_22_endless(relay: DemoRelay) -> None:
    size = 0
    async with stream(relay, fault("endless")) as response:
        async for data in response.aiter_raw():
            size += len(data)
            if size > 5_000_000:
                break
    await relay.until_quiet()
    assert relay.log.last().tokens_generated > 10_000
    async with websocket(relay, fault("endless")) as client:
        for _ in range(1_000):
            await client.recv()
    await relay.until_quiet()
