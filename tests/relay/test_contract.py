"""What every transport promises, shown on the scripted double and on real connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from chat.relay import errors
from chat.relay.attempts import Attempt
from chat.relay.transports.base import Transport
from chat.relay.transports.scripted import (
    Hang,
    Lose,
    Refuse,
    ScriptedTransport,
    Send,
    Step,
    Wait,
    answer,
    finish,
    report_usage,
    say,
)
from chat.relay.transports.sse import SSETransport
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import Delta, Finish, RelayEvent, Usage, UsageReport
from tests.relay.conftest import REQUEST, finishes_of, text_of, usages_of
from tests.relay.loopback import Loopback, acts_of, frames_of

Make = Callable[..., Transport]


@pytest.fixture(params=["scripted", "sse", "websocket"])
def make(
    request: pytest.FixtureRequest,
    loopback: Loopback,
    sse: Callable[..., SSETransport],
    websocket: Callable[..., WebSocketTransport],
) -> Make:
    def build(*scripts: Sequence[Step], **changes: Any) -> Transport:
        if request.param == "scripted":
            return ScriptedTransport(*scripts, **changes)
        if request.param == "websocket":
            loopback.scripts = [frames_of(script) for script in scripts]
            return websocket(**changes)
        loopback.scripts = [acts_of(script) for script in scripts]
        return sse(**changes)

    return build


async def collect(transport: Transport, into: list[RelayEvent] | None = None) -> list[RelayEvent]:
    events = [] if into is None else into
    async with asyncio.timeout(5), aclosing(transport.stream(REQUEST)) as stream:
        async for event in stream:
            events.append(event)
    return events


async def failure_of(transport: Transport) -> tuple[errors.RelayError, list[RelayEvent]]:
    events: list[RelayEvent] = []
    with pytest.raises(errors.RelayError) as caught:
        await collect(transport, events)
    return caught.value, events


async def test_an_answer_arrives_with_its_finish_and_usage(make: Make) -> None:
    events = await collect(make(answer("Xin ", "chào")))
    assert events == [
        Delta("Xin "),
        Delta("chào"),
        Finish("stop"),
        UsageReport(Usage(10, 2, 12)),
    ]


async def test_what_is_known_of_an_attempt_is_noted(make: Make) -> None:
    said = Send({"model": "gpt-4.1-mini", "choices": [{"delta": {"content": "a"}}]})
    refusal = errors.RelayRateLimited("slow down", status=429, retry_after_seconds=1)
    transport = make([said, say("b"), finish()], [Refuse(refusal)])
    attempt = Attempt(number=1, relay_name="double", key_label="", request=REQUEST)
    async with aclosing(transport.stream(REQUEST, attempt)) as stream:
        await stream.__anext__()
        assert (attempt.echoed_model, attempt.sent) == ("gpt-4.1-mini", True)
    names = {"sse": 200, "websocket": 101, "scripted": None}
    assert attempt.status == names[attempt.transport]
    refused = Attempt(number=2, relay_name="double", key_label="", request=REQUEST)
    with pytest.raises(errors.RelayRateLimited):
        await transport.stream(REQUEST, refused).__anext__()
    assert (refused.transport, refused.status, refused.sent) == (attempt.transport, 429, False)


async def test_reasoning_role_and_tool_calls_arrive(make: Make) -> None:
    call = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    events = await collect(
        make(
            [
                say("", role="assistant"),
                say("", reasoning_content="hm"),
                say("", tool_calls=[call]),
                finish("tool_calls"),
            ]
        )
    )
    assert events == [
        Delta(role="assistant"),
        Delta(reasoning="hm"),
        Delta(extras={"tool_calls": [call]}),
        Finish("tool_calls"),
    ]


async def test_a_lost_connection_keeps_what_arrived(make: Make) -> None:
    error, events = await failure_of(make([say("one "), say("two"), Lose()]))
    assert (error.code, error.retryable, error.sent) == ("relay_stream_broken", False, True)
    assert text_of(events) == "one two"


async def test_a_connection_lost_before_the_first_delta_may_be_tried_again(make: Make) -> None:
    error, _ = await failure_of(make([say("", role="assistant"), Lose()]))
    assert (error.code, error.retryable, error.sent) == ("relay_unavailable", True, True)


async def test_a_hang_in_mid_stream_is_a_timeout(make: Make) -> None:
    error, events = await failure_of(make([say("one"), Hang()], idle_timeout_seconds=0.1))
    assert error.code == "relay_timeout"
    assert text_of(events) == "one"


async def test_three_malformed_frames_are_skipped(make: Make) -> None:
    bad = Send('{"choices": [')
    events = await collect(make([say("a"), bad, bad, bad, say("b"), finish()]))
    assert text_of(events) == "ab"


async def test_four_malformed_frames_end_the_answer(make: Make) -> None:
    bad = Send('{"choices": [')
    error, events = await failure_of(make([say("a"), bad, bad, bad, bad, say("b"), finish()]))
    assert error.code == "relay_protocol"
    assert text_of(events) == "a"


async def test_the_end_marker_may_be_missing(make: Make) -> None:
    events = await collect(make([say("a"), finish("length")]))
    assert finishes_of(events) == ["length"]


async def test_the_end_marker_alone_finishes(make: Make) -> None:
    events = await collect(make([say("a"), Send("[DONE]"), Hang()]))
    assert finishes_of(events) == ["stop"]


async def test_a_close_without_any_end_is_truncated(make: Make) -> None:
    error, events = await failure_of(make([say("a")]))
    assert (error.code, text_of(events)) == ("relay_truncated", "a")


async def test_an_answer_held_open_ends_after_the_grace(make: Make) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    events = await collect(make([say("a"), finish(), Hang()], finish_grace_seconds=0.2))
    assert finishes_of(events) == ["stop"]
    assert 0.15 < loop.time() - began < 1.5


async def test_a_connection_lost_after_the_finish_does_no_harm(make: Make) -> None:
    events = await collect(make([say("a"), finish(), Lose()]))
    assert finishes_of(events) == ["stop"]


@pytest.mark.parametrize(
    ("second", "believed", "anomaly"),
    [
        ((10, 5), (10, 5), None),
        ((10, 7), (10, 7), None),
        ((10, 3), (10, 5), "usage_shrank"),
        ((-1, 5), (10, 5), None),
    ],
    ids=["same", "growing", "shrinking", "negative"],
)
async def test_usage_sent_twice(
    make: Make, second: tuple[int, int], believed: tuple[int, int], anomaly: str | None
) -> None:
    script = [say("a"), finish(), report_usage(10, 5), report_usage(*second), Send("[DONE]")]
    last = usages_of(await collect(make(script)))[-1]
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == believed
    assert last.anomaly == anomaly


async def test_usage_never_sent_is_never_zero(make: Make) -> None:
    assert usages_of(await collect(make([say("a"), finish(), Send("[DONE]")]))) == []


async def test_an_error_event_is_no_content(make: Make) -> None:
    script = [say("a"), Send({"error": {"message": "overloaded", "type": "x"}}), say("b")]
    error, events = await failure_of(make(script))
    assert (error.code, error.message, text_of(events)) == ("relay_error", "overloaded", "a")


async def test_a_refusal_is_told_with_its_wait(make: Make) -> None:
    refusal = errors.RelayRateLimited("slow down", status=429, retry_after_seconds=7)
    error, events = await failure_of(make([Refuse(refusal)]))
    assert (error.code, error.retry_after_seconds, error.sent) == ("relay_rate_limited", 7, False)
    assert events == []


async def test_an_endless_answer_is_cut_at_its_bound(make: Make) -> None:
    error, events = await failure_of(make([say("xxxxé")] * 50, max_answer_bytes=60))
    assert error.code == "relay_protocol"
    assert len(text_of(events)) == 50


async def test_closing_the_generator_ends_the_attempt(make: Make, loopback: Loopback) -> None:
    transport = make([say("a"), Hang()])
    stream = transport.stream(REQUEST)
    assert await stream.__anext__() == Delta("a")
    await stream.aclose()
    if isinstance(transport, ScriptedTransport):
        assert (transport.open_streams, transport.closed_early) == (0, 1)
    else:
        await loopback.until(lambda: len(loopback.streams_left) == 1)


async def test_pauses_within_the_limits_do_no_harm(make: Make) -> None:
    script = [say("a"), Wait(0.1), say("b"), Wait(0.1), say("c"), finish(), Send("[DONE]")]
    assert text_of(await collect(make(script, idle_timeout_seconds=0.3))) == "abc"


async def test_a_slow_consumer_is_not_taken_for_a_silent_relay(make: Make) -> None:
    transport = make([say("a"), Wait(0.01), say("b"), finish()], idle_timeout_seconds=0.1)
    texts = []
    async with aclosing(transport.stream(REQUEST)) as stream:
        async for event in stream:
            texts.append(event)
            await asyncio.sleep(0.25)
    assert text_of(texts) == "ab"
