"""What goes out on a WebSocket, and what closes and odd frames become."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import tracemalloc

import pytest

from chat.relay.types import RelayEvent, RelayMessage
from tests.relay.conftest import CANARY_KEY, REQUEST, text_of
from tests.relay.frames import DELTA, LAST, Make, chunk, collect, failure_of
from tests.relay.loopback import Act, Loopback, frame, goodbye


async def test_the_request_is_the_first_frame_and_the_key_a_header(
    loopback: Loopback, websocket: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    loopback.scripts = [["upgrade", LAST, goodbye(), "close"]]
    await collect(websocket(), [])
    request = loopback.received[0]
    assert (request.method, request.path) == ("GET", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {CANARY_KEY}"
    assert "sec-websocket-extensions" not in request.headers
    assert request.json == {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": "Hello?"}],
        "max_tokens": 256,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_a_lone_surrogate_in_a_prompt_can_be_sent(
    loopback: Loopback, websocket: Make
) -> None:
    loopback.scripts = [["upgrade", LAST]]
    request = type(REQUEST)("m", (RelayMessage("user", "x\ud800y"),), 5)
    async for _ in websocket(finish_grace_seconds=0.05).stream(request):
        pass
    assert loopback.received[0].json["messages"][0]["content"] == "x?y"


async def test_a_debug_log_never_shows_the_key_of_a_good_answer(
    loopback: Loopback, websocket: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    loopback.scripts = [["upgrade", LAST, goodbye(), "close"]]
    await collect(websocket(), [])
    assert CANARY_KEY not in caplog.text


CLOSES: list[tuple[list[Act], str, bool, bool]] = [
    (["close"], "relay_unavailable", True, True),
    (["reset"], "relay_unavailable", True, True),
    ([goodbye(1000), "close"], "relay_truncated", False, True),
    ([frame(b"", 8), "close"], "relay_truncated", False, True),
    ([goodbye(1001, "going away"), "close"], "relay_unavailable", True, True),
    ([goodbye(1011, "oops"), "hang"], "relay_unavailable", True, True),
    ([goodbye(1013), "hang"], "relay_unavailable", True, False),
    ([goodbye(1008, "WebSocket rejected: Server is at capacity")],
     "relay_unavailable", True, False),
    ([goodbye(1008, "Rate limit exceeded. Retry after 5 seconds")],
     "relay_rate_limited", True, False),
    ([goodbye(1008, f"Invalid API key {CANARY_KEY}")], "relay_auth", False, False),
    ([goodbye(1008, f"no {CANARY_KEY}")], "relay_error", False, True),
    ([goodbye(4401, "no")], "relay_auth", False, False),
    ([goodbye(4429, "slow down")], "relay_rate_limited", True, False),
    ([frame(b"x" * 3000)], "relay_protocol", False, True),
    ([b"\xff\xff\xff\xff", "hang"], "relay_protocol", False, True),
    ([b"\x81\xfe\x00\x10", "hang"], "relay_protocol", False, True),  # masked, as no server may
    ([frame("<html>"), goodbye(1011), "close"], "relay_protocol", False, True),
    ([frame('{"error": {"message": "slow down", "type": "rate_limit_error"}}')],
     "relay_rate_limited", True, False),
    ([frame('{"error": {"message": "boom", "type": "server_error"}}')],
     "relay_unavailable", True, True),
    ([frame('{"error": {"message": "Model \'m\' not found"}}')], "model_unknown", False, False),
]  # fmt: skip


@pytest.mark.parametrize(("acts", "code", "retryable", "sent"), CLOSES)
async def test_an_end_before_the_first_delta(
    acts: list[Act],
    code: str,
    retryable: bool,
    sent: bool,
    loopback: Loopback,
    websocket: Make,
) -> None:
    loopback.scripts = [["upgrade", 0.02, *acts]]
    error, _ = await failure_of(websocket(max_line_bytes=2000))
    assert (error.code, error.retryable, error.sent) == (code, retryable, sent)
    assert CANARY_KEY not in repr(error)


@pytest.mark.parametrize(
    ("acts", "code"),
    [
        (["close"], "relay_stream_broken"),
        ([0.05, "reset"], "relay_stream_broken"),
        ([goodbye(1011, "oops")], "relay_stream_broken"),
        ([goodbye(1013, "Server is at capacity")], "relay_stream_broken"),
        ([goodbye(1001)], "relay_stream_broken"),
        ([goodbye(1000)], "relay_truncated"),
        ([DELTA[:30], "close"], "relay_stream_broken"),
        ([frame(b"x" * 3000)], "relay_protocol"),
        ([frame("[1"), frame("[1"), frame("[1"), frame("[1")], "relay_protocol"),
    ],
)
async def test_an_end_in_mid_answer_keeps_what_arrived(
    acts: list[Act], code: str, loopback: Loopback, websocket: Make
) -> None:
    loopback.scripts = [["upgrade", DELTA, *acts]]
    error, events = await failure_of(websocket(max_line_bytes=2000))
    assert (error.code, error.retryable, error.sent) == (code, False, True)
    assert text_of(events) == "a"


async def test_heartbeats_binary_frames_and_fragments_are_read(
    loopback: Loopback, websocket: Make
) -> None:
    middle = chunk("é😀")
    cut = middle.index("é".encode()) + 1 if "é".encode() in middle else len(middle) // 2
    loopback.scripts = [[
        "upgrade", frame("ping"), frame("pong"), frame('{"type": "pong"}'), frame(b""),
        frame(b"?", 9), frame(chunk("a"), opcode=2),
        frame(middle[:cut], 1, fin=False), frame(b"", 0, fin=False), frame(b"x", 9),
        frame(middle[cut:], 0),
        frame('{"choices":[{"delta":{"content":"x\\ud800y"}}]}'),
        frame(b'{"choices":[{"delta":{"content":"\xff"}}]}'),
        LAST, goodbye(), "close",
    ]]  # fmt: skip
    events: list[RelayEvent] = []
    await collect(websocket(), events)
    assert text_of(events) == "aé😀x\ufffdy\ufffdb"


async def test_the_heartbeat_goes_out_while_the_answer_comes(
    loopback: Loopback, websocket: Make
) -> None:
    loopback.scripts = [["upgrade", DELTA, 0.3, LAST, goodbye(), "close"]]
    await collect(websocket(heartbeat_seconds=0.05), [])
    assert 3 <= len(loopback.client_frames) <= 6
    assert set(loopback.client_frames) == {(1, b'{"type":"ping"}')}


async def test_a_ping_of_the_protocol_is_answered(loopback: Loopback, websocket: Make) -> None:
    loopback.scripts = [["upgrade", frame(b"hi", 9), 0.1, LAST, goodbye(), "close"]]
    await collect(websocket(), [])
    assert loopback.client_frames == [(10, b"hi")]


async def test_pongs_do_not_hide_that_the_answer_hangs(loopback: Loopback, websocket: Make) -> None:
    timed = '{"type": "pong", "timestamp": 1763710567, "session_id": "abc"}'
    pongs: list[Act] = [frame('{"type":"pong"}'), 0.03, frame("pong"), 0.03, frame(b"", 10), 0.03]
    loopback.scripts = [["upgrade", DELTA, *([*pongs, frame(timed), 0.03] * 20), "hang"]]
    began = time.monotonic()
    error, _ = await failure_of(websocket(idle_timeout_seconds=0.3))
    assert error.code == "relay_timeout"
    assert time.monotonic() - began < 1


async def test_ten_megabytes_in_one_frame_stay_within_the_bound(
    loopback: Loopback, websocket: Make
) -> None:
    part = b"x" * 65536
    head = frame(b"")[:1] + b"\x7f" + (10 * 1024 * 1024).to_bytes(8, "big")
    loopback.scripts = [["upgrade", DELTA, head, *([part] * 160), "hang"]]
    tracemalloc.start()
    try:
        error, events = await failure_of(websocket())
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (error.code, text_of(events)) == ("relay_protocol", "a")
    assert peak_bytes < 2 * 1024 * 1024


async def test_an_endless_stream_is_cut_at_its_bound(loopback: Loopback, websocket: Make) -> None:
    loopback.scripts = [["upgrade", DELTA, *([frame(b"x" * 100, 9) * 100] * 100), "hang"]]
    error, _ = await failure_of(websocket(max_wire_bytes=100_000))
    assert (error.code, error.message) == ("relay_protocol", "The relay sent over 100000 bytes.")


async def test_a_reader_who_does_not_read_stops_the_relay(
    loopback: Loopback, websocket: Make
) -> None:
    big = frame(chunk("x" * 1000))
    loopback.scripts = [["upgrade", *([big * 16] * 2000), LAST, goodbye(), "close"]]
    stream = websocket(max_answer_bytes=64 * 1024 * 1024).stream(REQUEST)
    tracemalloc.start()
    try:
        await stream.__anext__()
        before = tracemalloc.get_traced_memory()[0]
        await asyncio.sleep(0.3)
        grown_bytes = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        await stream.aclose()
    assert grown_bytes < 2 * 1024 * 1024


async def test_the_usage_may_follow_the_finish(loopback: Loopback, websocket: Make) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    after = frame(json.dumps({"choices": [], "usage": usage}))
    loopback.scripts = [["upgrade", LAST, 0.05, after, "hang"]]
    events: list[RelayEvent] = []
    began = time.monotonic()
    await collect(websocket(), events)
    assert len(events) == 3
    assert time.monotonic() - began < 0.5  # not the whole grace: the usage has come
