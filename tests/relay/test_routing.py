"""One answer over several routes: tried in order, again, elsewhere, and noted try by try."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from chat.relay import errors
from chat.relay.attempts import AttemptStarted
from chat.relay.routing import in_order
from chat.relay.transports.scripted import (
    Hang,
    Lose,
    Refuse,
    Send,
    Wait,
    answer,
    finish,
    report_usage,
    say,
)
from chat.relay.types import Delta, FallbackNotice, RetryNotice, Usage
from tests.relay.routes import Gatekeeper, Heard, Place, hear

UNAVAILABLE = Refuse(errors.RelayUnavailable(status=503))
GOOD = answer("ok")


def busy(seconds: float) -> list[Refuse]:
    return [Refuse(errors.RelayRateLimited(status=429, retry_after_seconds=seconds))]


async def test_a_failure_before_the_first_delta_is_tried_again_on_the_same_route() -> None:
    place = Place([UNAVAILABLE], GOOD)
    heard = await hear(place, Place(GOOD, name="two", priority=1))
    assert heard.outcomes == [("one", "failed"), ("one", "completed")]
    assert heard.kinds[:3] == ["AttemptStarted", "RetryNotice", "AttemptStarted"]
    notice = heard.events[1]
    assert isinstance(notice, RetryNotice)
    assert (notice.attempt, notice.error.code) == (1, "relay_unavailable")
    assert heard.time.waits == [notice.delay_seconds]
    assert heard.text == "ok"


async def test_a_failure_after_the_first_delta_is_not_tried_again() -> None:
    heard = await hear(Place([say("half"), Lose()], GOOD), Place(GOOD, name="two", priority=1))
    assert (heard.code, heard.text, len(heard.attempts)) == ("relay_stream_broken", "half", 1)


async def test_three_tries_are_all_and_their_delays_double() -> None:
    place = Place([UNAVAILABLE])
    heard = await hear(place)
    assert (heard.code, place.asked) == ("relay_unavailable", 3)
    assert 0.75 <= heard.time.waits[0] <= 1.25
    assert 1.5 <= heard.time.waits[1] <= 2.5


async def test_after_the_last_try_the_next_route_has_its_own_tries() -> None:
    heard = await hear(Place([UNAVAILABLE]), Place([UNAVAILABLE], GOOD, name="two", priority=1))
    assert heard.outcomes == [("one", "failed")] * 3 + [("two", "failed"), ("two", "completed")]
    fallbacks = [event for event in heard.events if isinstance(event, FallbackNotice)]
    assert [notice.relay_name for notice in fallbacks] == ["two"]
    assert [attempt.number for attempt in heard.attempts] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "error",
    [
        errors.RelayAuth(status=401),
        errors.ModelUnknown(),
        errors.RelayRateLimited(retry_after_seconds=3600),
        errors.RelayRateLimited(retryable=False),
        errors.RelayReported(status=402),
        errors.RelayReported("upstream failed"),
        errors.RelayProtocol("a web page"),
    ],
)
async def test_what_no_waiting_mends_goes_straight_to_the_next_route(
    error: errors.RelayError,
) -> None:
    heard = await hear(Place([Refuse(error)]), Place(GOOD, name="two", priority=1))
    assert heard.outcomes == [("one", "failed"), ("two", "completed")]
    assert heard.time.waits == []


async def test_a_request_that_is_wrong_itself_is_not_carried_around() -> None:
    refused = Place([Refuse(errors.RelayReported("bad max_tokens", status=400, sent=False))])
    other = Place(GOOD, name="two", priority=1)
    heard = await hear(refused, other)
    assert (heard.code, other.asked) == ("relay_error", 0)


async def test_the_error_of_a_relay_that_lacks_the_model_does_not_hide_the_first_one() -> None:
    heard = await hear(
        Place([UNAVAILABLE], max_retries=1),
        Place([Refuse(errors.ModelUnknown())], name="two", priority=1),
    )
    assert heard.code == "relay_unavailable"


async def test_the_wait_that_the_relay_asks_for_is_kept_and_the_gate_told() -> None:
    gate = Gatekeeper()
    heard = await hear(Place(busy(2), GOOD, gate=gate))
    assert 2 <= heard.time.waits[0] <= 2.25
    assert heard.text == "ok"
    assert gate.held_off == [2]
    assert gate.log == ["enter", "hold off", "leave", "enter", "leave"]


async def test_a_wait_beyond_the_budget_is_told_at_once() -> None:
    heard = await hear(Place(busy(3600)))
    assert heard.error is not None
    assert (heard.code, heard.error.retry_after_seconds) == ("relay_rate_limited", 3600)
    assert (heard.time.waits, len(heard.attempts)) == ([], 1)


async def test_all_waits_of_an_answer_have_one_budget() -> None:
    heard = await hear(
        Place(busy(6), max_retries=9), Place(busy(6), name="two", priority=1, max_retries=9)
    )
    assert heard.code == "relay_rate_limited"
    assert sum(heard.time.waits) <= 15
    assert heard.outcomes == [("one", "failed")] * 3 + [("two", "failed")]


async def test_smaller_priority_comes_first_and_chance_follows_the_weight() -> None:
    first, heavy, light = (
        Place(name="first", priority=-1).route,
        Place(name="heavy", weight=3).route,
        Place(name="light").route,
    )
    seen: Counter[tuple[str, ...]] = Counter()
    rng = random.Random(1)
    for _ in range(10_000):
        order = in_order([light, heavy, first], rng.random)
        seen[tuple(route.client.settings.name for route in order)] += 1
    assert all(order[0] == "first" for order in seen)
    assert 0.72 < seen["first", "heavy", "light"] / 10_000 < 0.78


async def test_the_model_goes_by_its_name_on_each_route() -> None:
    one = Place([Refuse(errors.RelayAuth())], model="gpt-4.1")
    two = Place(GOOD, name="two", priority=1, model="openai/gpt-4.1")
    await hear(one, two)
    assert one.transport.requests[0].model == "gpt-4.1"
    assert two.transport.requests[0].model == "openai/gpt-4.1"


async def test_an_attempt_notes_what_became_of_it() -> None:
    heard = await hear(Place([say("a"), finish("length"), report_usage(7, 1)], key_label="k1"))
    (attempt,) = heard.attempts
    assert (attempt.relay_name, attempt.key_label, attempt.transport) == ("one", "k1", "scripted")
    assert (attempt.outcome, attempt.finish_reason, attempt.sent) == ("completed", "length", True)
    assert attempt.usage == Usage(7, 1, 8)
    assert (attempt.ttft_ms, attempt.total_ms, attempt.error) == (0, 0, None)


async def test_an_attempt_that_nobody_reads_on_is_interrupted() -> None:
    gate = Gatekeeper()
    place = Place([say("a"), say("b"), Hang()], gate=gate)
    heard = await Heard(place).listen(until=Delta)
    (attempt,) = heard.attempts
    assert (attempt.outcome, attempt.error, attempt.total_ms) == ("interrupted", None, 0)
    assert (place.transport.open_streams, place.transport.closed_early) == (0, 1)
    assert (gate.active(), gate.tokens) == (0, [None])


async def test_a_cancelled_task_leaves_gate_and_relay() -> None:
    gate = Gatekeeper()
    place = Place([Hang()], gate=gate)
    heard = Heard(place)
    task = asyncio.create_task(heard.listen())
    while not place.transport.open_streams:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert heard.outcomes == [("one", "interrupted")]
    assert (place.transport.open_streams, gate.active()) == (0, 0)


async def test_the_whole_answer_has_a_limit() -> None:
    place = Place([say("a"), Hang()], turn_timeout_seconds=0.05)
    other = Place(GOOD, name="two", priority=1)
    heard = Heard(place, other)
    heard._router._clock = asyncio.get_running_loop().time
    await heard.listen()
    assert (heard.code, heard.text, place.transport.open_streams) == ("relay_timeout", "a", 0)
    assert other.asked == 0


async def test_no_wait_begins_that_the_answers_time_would_not_outlast() -> None:
    heard = await hear(Place([UNAVAILABLE], GOOD, turn_timeout_seconds=0.5))
    assert (heard.code, heard.time.waits) == ("relay_unavailable", [])


async def test_an_empty_delta_does_not_begin_the_answer() -> None:
    role = Send({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    heard = await hear(Place([role, Lose()], GOOD))
    assert [attempt.outcome for attempt in heard.attempts] == ["failed", "completed"]
    assert heard.attempts[0].ttft_ms is None


async def test_no_route_at_all_is_said() -> None:
    heard = await hear()
    assert heard.error is not None
    assert (heard.code, heard.error.sent) == ("relay_unavailable", False)


async def test_the_beginning_of_a_try_is_told_before_anything_of_it() -> None:
    place = Place([Wait(0), *GOOD])
    heard = await Heard(place).listen(until=AttemptStarted)
    assert (heard.outcomes, place.asked) == ([("one", "interrupted")], 0)
    assert not heard.attempts[0].sent
