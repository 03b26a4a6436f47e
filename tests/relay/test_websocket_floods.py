"""A relay that floods a WebSocket with frames that carry nothing holds nobody up for long."""

from __future__ import annotations

import asyncio
import logging

import pytest

from chat.relay.transports.frames import MOST_BARE_FRAMES
from chat.relay.types import RelayEvent
from tests.relay.conftest import text_of
from tests.relay.frames import DELTA, LAST, Make, chunk, collect, failure_of
from tests.relay.loopback import Act, Loopback, frame, goodbye

FLOODS = [
    frame(b"", 9),
    frame(b"", 10),
    frame(b"", 1),
    frame("ping"),
    frame("pong"),
    frame("{}"),
    frame(b" ", 1, fin=False) + frame(b" ", 0, fin=False) * 50 + frame(b" ", 0),
]


@pytest.mark.parametrize("bare", FLOODS)
async def test_a_flood_of_frames_that_carry_nothing_is_cut_soon(
    bare: bytes, loopback: Loopback, websocket: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    part = bare * (65536 // len(bare))
    loopback.scripts = [["upgrade", DELTA, *([part] * 160), "hang"]]
    error, events = await failure_of(websocket())
    assert (error.code, text_of(events)) == ("relay_protocol", "a")
    assert "flood" in error.message
    # Answering pings to somebody who has gone makes asyncio write a line for each of them.
    assert "socket.send() raised exception" not in caplog.text


async def test_a_chatty_relay_that_answers_is_no_flood(loopback: Loopback, websocket: Make) -> None:
    # Pings and small fragments all the while, as a proxy may send them.
    message = chunk("a" * 50)
    parts = [message[at : at + 40] for at in range(0, len(message), 40)]
    split = frame(parts[0], 1, fin=False)
    split += b"".join(frame(part, 0, fin=False) for part in parts[1:]) + frame(b"", 0)
    rounds = MOST_BARE_FRAMES // 4
    acts: list[Act] = [(frame(b"?", 9) + split) * 64] * (rounds // 64)
    loopback.scripts = [["upgrade", *acts, LAST, goodbye(), "close"]]
    events: list[RelayEvent] = []
    await collect(websocket(), events)
    assert text_of(events) == "a" * 50 * (rounds // 64 * 64) + "b"


async def test_pings_to_a_relay_that_left_are_not_answered(
    loopback: Loopback, websocket: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    loopback.scripts = [["upgrade", DELTA, frame(b"", 9) * 2000, "reset"]]
    error, _ = await failure_of(websocket())
    await asyncio.sleep(0)
    assert error.code == "relay_stream_broken"
    assert "socket.send() raised exception" not in caplog.text
