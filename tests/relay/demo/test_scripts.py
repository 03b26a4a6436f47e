"""Scripts: the table of faults, and the ways in which a request asks for one."""

import time

from chat.relay.demo import DemoRelay, Script
from chat.relay.demo import acts as do
from chat.relay.demo.faults import FAULTS, script_named
from tests.processes import ROOT
from tests.relay.demo.client import (
    body,
    chunks,
    finish_reasons,
    http,
    pieces,
    said,
    sse,
    sse_until_broken,
    stream,
    websocket,
)


def test_every_row_has_a_fault() -> None:
    assert {fault.row for fault in FAULTS.values()} >= set(range(1, 23))


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
