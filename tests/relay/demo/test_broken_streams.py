"""Faults of the connection: resets, silence, missing ends (rows 2, 3, 9-11, 19, 20)."""

import asyncio

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

from chat.relay.demo import DemoRelay
from tests.faults.waiting import until
from tests.relay.demo.client import (
    chunks,
    finish_reasons,
    payloads,
    pieces,
    said,
    sse,
    sse_until_broken,
    stream,
    usages,
)
from tests.relay.demo.scenes import EIGHT, fault, parsed, until_closed


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

    def heard() -> str:
        return said(chunks(bytes(received[: received.rfind(b"\n\n") + 2])))

    reading = asyncio.create_task(read())
    await until(lambda: heard() == text)
    _, still = await asyncio.wait({reading}, timeout=0.3)
    assert still, "it went on, or ended"
    assert heard() == text
    reading.cancel()
    await asyncio.wait({reading})
    await relay.until_quiet()
    assert relay.log.last().state == "left"


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
