"""A route that keeps failing is left alone, probed once after a while, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from chat.relay import errors
from chat.relay.breaker import Breaker
from chat.relay.transports.scripted import Hang, Lose, Refuse, Step, answer, say
from chat.relay.types import Delta
from tests.relay.routes import Gatekeeper, Heard, Place, Time, hear

DOWN = [Refuse(errors.RelayUnavailable(status=503))]
GOOD = answer("ok")


def is_closed(place: Place) -> bool:
    return place.breaker.state == "closed"


def breaker(time: Time, failures: int = 2) -> Breaker:
    return Breaker(failures_to_open=failures, open_seconds=30, clock=time.clock)


def failing(time: Time, *later: Sequence[Step]) -> Place:
    return Place(DOWN, DOWN, *(later or (DOWN,)), breaker=breaker(time), max_retries=1)


async def test_a_route_that_failed_often_is_not_asked_until_a_probe_succeeds() -> None:
    time = Time()
    place, spare = failing(time, GOOD), Place(GOOD, name="two", priority=1)
    for _ in range(2):
        assert (await hear(place, spare)).text == "ok"
    assert place.breaker.state == "open"
    heard = await hear(place, spare)
    assert (heard.outcomes, place.asked) == ([("two", "completed")], 2)
    time.now += 31
    heard = await hear(place, spare)
    assert heard.outcomes == [("one", "completed")]
    assert is_closed(place)


async def test_a_route_that_closes_between_two_tries_is_not_waited_for() -> None:
    place = Place(DOWN, breaker=breaker(Time(), failures=2), max_retries=9)
    heard = await hear(place, Place(GOOD, name="two", priority=1))
    assert heard.outcomes == [("one", "failed")] * 2 + [("two", "completed")]
    assert len(heard.time.waits) == 1


async def test_a_probe_that_fails_opens_it_again() -> None:
    time = Time()
    place = failing(time)
    for _ in range(2):
        await hear(place)
    time.now += 31
    assert place.breaker.state == "half_open"
    await hear(place)
    assert (place.breaker.state, place.breaker.opens_in_seconds()) == ("open", 30)


async def test_an_answer_that_no_route_may_give_fails_at_once_and_says_when() -> None:
    time = Time()
    place = failing(time)
    for _ in range(2):
        await hear(place)
    time.now += 10
    heard = await hear(place)
    assert heard.error is not None
    assert (heard.code, heard.error.retry_after_seconds) == ("relay_unavailable", 20)
    assert not heard.error.sent
    assert (place.asked, heard.attempts) == (2, [])


async def test_one_probe_at_a_time_and_an_interrupted_one_decides_nothing() -> None:
    time = Time()
    place = failing(time, [Hang()], GOOD)
    for _ in range(2):
        await hear(place)
    time.now += 31
    probe = Heard(place)
    task = asyncio.create_task(probe.listen())
    while not place.transport.open_streams:
        await asyncio.sleep(0)
    other = await hear(place)
    assert (other.code, other.attempts) == ("relay_unavailable", [])
    task.cancel()
    await asyncio.wait({task})
    assert place.breaker.state == "half_open"
    assert (await hear(place)).text == "ok"
    assert is_closed(place)


async def test_who_finds_somebody_elses_probe_at_the_end_of_the_line_gives_the_place_back() -> None:
    time = Time()
    gate = Gatekeeper(1)
    place = Place(GOOD, gate=gate, breaker=breaker(time, failures=1))
    place.breaker.failed()
    time.now += 31
    assert place.breaker.try_enter()  # somebody else's probe
    heard = await hear(place, Place(GOOD, name="two", priority=1))
    assert heard.outcomes == [("two", "completed")]
    assert (gate.active(), gate.tokens) == (0, [0])


@pytest.mark.parametrize(
    "error",
    [
        errors.RelayReported(status=400),
        errors.RelayRateLimited(status=429),
        errors.RelayAuth(status=401),
        errors.ModelUnknown(),
    ],
)
async def test_a_refusal_in_good_form_does_not_count(error: errors.RelayError) -> None:
    place = Place([Refuse(error)], breaker=breaker(Time(), failures=1), max_retries=1)
    await hear(place)
    assert is_closed(place)


@pytest.mark.parametrize(
    "script",
    [
        [Lose()],
        [say("a"), Lose()],
        [Refuse(errors.RelayTimeout())],
        [Refuse(errors.RelayProtocol("a web page"))],
    ],
)
async def test_silence_and_broken_streams_count(script: list[Step]) -> None:
    place = Place(script, breaker=breaker(Time(), failures=1), max_retries=1)
    await hear(place)
    assert place.breaker.state == "open"


async def test_interrupts_do_not_count() -> None:
    place = Place([say("a"), Hang()], breaker=breaker(Time(), failures=1))
    for _ in range(3):
        await Heard(place).listen(until=Delta)
    assert is_closed(place)
