"""Each fault of the table does what its name says, over SSE and, where it can, over WebSocket."""

import asyncio
import json
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK

from chat.relay.demo import DemoRelay, Script
from chat.relay.demo import acts as do
from chat.relay.demo.faults import FAULTS, script_named
from chat.relay.demo.pieces import cut
from chat.relay.demo.repertoire import answer_to
from tests.processes import ROOT
from tests.relay.demo.client import (
    body,
    chunks,
    finish_reasons,
    frames,
    http,
    payloads,
    pieces,
    said,
    sse,
    sse_until_broken,
    stream,
    usages,
    websocket,
)

HELLO = answer_to("hello", "hello", "x")
EIGHT = "".join(cut(HELLO)[:8])
BROKEN_OFF = "lost"


def fault(name: str, prompt: str = "hello", **more: object) -> dict[str, object]:
    return body(prompt, model=f"fault-{name}", **more)


async def refused(relay: DemoRelay, name: str) -> httpx.Response:
    async with http() as client:
        return await client.post(relay.base_url + "/chat/completions", json=fault(name))


async def until_closed(relay: DemoRelay, name: str) -> tuple[list[str], ConnectionClosed]:
    """Text frames up to the close of the WebSocket, heartbeats left out."""
    received: list[str] = []
    async with websocket(relay, fault(name)) as client:
        try:
            while True:
                received.append(str(await client.recv()))
        except ConnectionClosed as closed:
            return [text for text in received if text != "ping"], closed


def parsed(texts: list[str]) -> list[dict[str, object]]:
    return [json.loads(text) for text in texts]


def test_every_row_has_a_fault() -> None:
    assert {fault.row for fault in FAULTS.values()} >= set(range(1, 23))


async def test_row_1_none(relay: DemoRelay) -> None:
    received = await sse(relay, fault("none"))
    assert said(chunks(received)) == answer_to("hello", "hello", "fault-none")
    assert payloads(received)[-1] == "[DONE]"


async def test_row_2_reset(relay: DemoRelay) -> None:
    received, error = await sse_until_broken(relay, fault("reset"))
    assert isinstance(error, httpx.ReadError)
    assert said(chunks(received)) == EIGHT
    texts, closed = await until_closed(relay, "reset")
    assert said(parsed(texts)) == EIGHT
    assert closed.rcvd is None
    assert [record.state for record in relay.requests] == ["broken", "broken"]


async def test_row_2_reset_after_a_chosen_number(relay: DemoRelay) -> None:
    received, _ = await sse_until_broken(relay, fault("reset-at-20"))
    assert pieces(chunks(received)) == 20 == relay.log.last().tokens_generated


@pytest.mark.parametrize(("name", "text"), [("hang", EIGHT), ("silent", "")])
async def test_row_3_hang(relay: DemoRelay, name: str, text: str) -> None:
    received = bytearray()

    async def read() -> None:
        async with stream(relay, fault(name)) as response:
            async for data in response.aiter_raw():
                received.extend(data)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(), 0.3)
    assert said(chunks(bytes(received))) == text
    await relay.until_quiet()
    assert relay.log.last().state == "left"


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


async def test_row_9_no_done(relay: DemoRelay) -> None:
    received = await sse(relay, fault("no-done"))
    assert "[DONE]" not in payloads(received)
    assert finish_reasons(chunks(received)) == ["stop"]
    assert len(usages(chunks(received))) == 1
    texts, closed = await until_closed(relay, "no-done")
    assert isinstance(closed, ConnectionClosedOK)
    assert finish_reasons(parsed(texts)) == ["stop"]


async def test_row_10_truncated(relay: DemoRelay) -> None:
    received = await sse(relay, fault("truncated"))
    assert said(chunks(received)) == EIGHT
    assert finish_reasons(chunks(received)) == []
    texts, closed = await until_closed(relay, "truncated")
    assert isinstance(closed, ConnectionClosedOK)
    assert said(parsed(texts)) == EIGHT
    assert relay.log.last().state == "broken"


async def test_row_11_held_open(relay: DemoRelay) -> None:
    async with stream(relay, fault("held-open")) as response:
        received = bytearray()
        async for data in response.aiter_raw():
            received += data
            if usages(chunks(bytes(received))):
                break
        assert finish_reasons(chunks(bytes(received))) == ["stop"]
        assert relay.log.last().state == "completed"
        assert len(relay.log.open_records) == 1
    await relay.until_quiet()
    assert relay.log.last().closed_by is not None


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("usage-same", [1, 1]),
        ("usage-growing", [0.5, 1]),
        ("usage-shrinking", [1, 0.5]),
    ],
)
async def test_row_12_usage_twice(relay: DemoRelay, name: str, factors: list[float]) -> None:
    found = usages(chunks(await sse(relay, fault(name, max_tokens=100))))
    assert [usage["completion_tokens"] for usage in found] == [100 * f for f in factors]


async def test_row_12_usage_that_cannot_be(relay: DemoRelay) -> None:
    negative = usages(chunks(await sse(relay, fault("usage-negative"))))
    assert negative[0]["completion_tokens"] == -5
    huge = usages(chunks(await sse(relay, fault("usage-huge", max_tokens=300))))
    assert huge[0]["completion_tokens"] == 3_000


async def test_row_13_no_usage(relay: DemoRelay) -> None:
    received = await sse(relay, fault("no-usage"))
    assert usages(chunks(received)) == []
    assert payloads(received)[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("name", "status", "retry_after"),
    [
        ("busy-once", 429, "2"),
        ("error-500-once", 500, None),
        ("error-502-once", 502, None),
        ("error-503-once", 503, None),
    ],
)
async def test_rows_14_and_17_once_then_well(
    relay: DemoRelay, name: str, status: int, retry_after: str | None
) -> None:
    answer = await refused(relay, name)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry_after
    assert said(chunks(await sse(relay, fault(name)))) != ""
    assert [record.state for record in relay.requests] == ["refused", "completed"]
    assert relay.requests[0].cost_nano_usd == 0
    # Another prompt begins anew.
    other = await refused(relay, name)
    assert other.status_code == status


@pytest.mark.parametrize(
    ("name", "status", "kind", "close_code"),
    [
        ("busy", 429, "rate_limit_error", 1013),
        ("busy-hour", 429, "rate_limit_error", 1013),
        ("unauthorized", 401, "invalid_request_error", 1008),
        ("forbidden", 403, "invalid_request_error", 1008),
        ("error-500", 500, "server_error", 1011),
    ],
)
async def test_rows_15_16_and_18_refused_for_ever(
    relay: DemoRelay, name: str, status: int, kind: str, close_code: int
) -> None:
    for _ in range(3):
        answer = await refused(relay, name)
        assert answer.status_code == status
        assert answer.json()["error"]["type"] == kind
    texts, closed = await until_closed(relay, name)
    assert json.loads(texts[0])["error"]["type"] == kind
    assert closed.rcvd is not None
    assert closed.rcvd.code == close_code


async def test_row_15_the_wait_is_told(relay: DemoRelay) -> None:
    answer = await refused(relay, "busy-hour")
    assert answer.headers["retry-after"] == "3600"
    assert answer.json()["error"]["message"] == "Rate limit exceeded. Retry after 3600 seconds"


async def test_row_19_error_event(relay: DemoRelay) -> None:
    found = chunks(await sse(relay, fault("error-event")))
    assert said(found) == EIGHT
    assert found[-1]["error"]["message"] == "upstream overloaded"
    assert relay.log.last().tokens_generated == 8
    texts, closed = await until_closed(relay, "error-event")
    assert "error" in parsed(texts)[-1]
    assert isinstance(closed, ConnectionClosedError)


async def test_row_20_dropped(relay: DemoRelay) -> None:
    texts, closed = await until_closed(relay, "dropped")
    assert said(parsed(texts)) == EIGHT
    assert closed.rcvd is None
    received, error = await sse_until_broken(relay, fault("dropped"))
    assert isinstance(error, httpx.RemoteProtocolError)
    assert said(chunks(received)) == EIGHT


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


async def test_max_tokens_can_be_ignored(relay: DemoRelay) -> None:
    found = chunks(await sse(relay, fault("ignores-limit", max_tokens=5)))
    assert usages(found)[0]["completion_tokens"] > 200


async def test_a_script_comes_by_header_body_queue_or_prompt(relay: DemoRelay) -> None:
    async with http() as client:
        for options in (
            {"json": body(), "headers": {"X-Tram-Script": "busy"}},
            {"json": body(x_tram_script="fault-busy")},
            {"json": body(x_tram_script=[{"act": "status", "status": 429, "body": {}}])},
            {
                "json": body(),
                "headers": {"X-Tram-Script": '[{"act":"status","status":429,"body":{}}]'},
            },
        ):
            answer = await client.post(relay.base_url + "/chat/completions", **options)  # type: ignore[arg-type]
            assert answer.status_code == 429, options
    relay.play_next(Script("mine", (do.Say(3), do.Finish("content_filter"), do.End())))
    found = chunks(await sse(relay, body()))
    assert pieces(found) == 3
    assert finish_reasons(found) == ["content_filter"]
    assert said(chunks(await sse(relay, body("short [fault: reset]")))) != ""
    async with DemoRelay(lists_faults=True, first_token_seconds=0) as open_relay:
        await sse_until_broken(open_relay, body("short [fault: reset]"))


async def test_an_unknown_script_is_refused(relay: DemoRelay) -> None:
    async with http() as client:
        for wish in ("nothing", [{"act": "dance"}], 7):
            request = body(x_tram_script=wish)
            answer = await client.post(relay.base_url + "/chat/completions", json=request)
            assert answer.status_code == 400
    assert script_named("reset-at-x") is None
    assert script_named("nothing-at-3") is None


async def test_a_script_of_bytes_and_delays_is_played_to_the_byte(relay: DemoRelay) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\r\n\r\n'
    script = Script(
        "bytes",
        (
            do.Header("X-Extra", "1"),
            do.Send(event[:30]),
            do.Send(event[30:], delay_seconds=0.2),
            do.Wait(0.1),
            do.End(),
        ),
    )
    relay.play_next(script, times=2)
    started = time.monotonic()
    async with stream(relay, body()) as response:
        assert response.headers["x-extra"] == "1"
        received = await response.aread()
    assert received.endswith(event)
    assert time.monotonic() - started >= 0.3
    async with websocket(relay, body()) as client:
        heard = [await client.recv() for _ in range(4)]
    assert str(heard[2]).encode() == event[:30]
    assert str(heard[3]).encode() == event[30:]


def test_every_fault_is_documented() -> None:
    page = (ROOT / "docs" / "demo-relay.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"`{name}`" not in page] == []
