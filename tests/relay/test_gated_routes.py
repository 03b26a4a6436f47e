"""Before a route stands its gate: one waits in line, leaves it, or is sent elsewhere."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

import pytest

from chat.relay import errors
from chat.relay.attempts import AttemptStarted
from chat.relay.routing import Router, in_order
from chat.relay.transports.scripted import answer
from chat.relay.types import Delta, WaitingNotice
from tests.relay.conftest import REQUEST
from tests.relay.reading import CLAIM
from tests.relay.routes import Gatekeeper, Heard, Place, hear

GOOD = answer("ok")


async def test_the_place_in_line_is_told_and_its_time_noted() -> None:
    heard = await hear(Place(GOOD, gate=Gatekeeper(3, 2, 1)))
    assert heard.kinds[:4] == ["WaitingNotice"] * 3 + ["AttemptStarted"]
    assert [event.position for event in heard.events if isinstance(event, WaitingNotice)] == [
        3, 2, 1,
    ]  # fmt: skip
    assert heard.attempts[0].waited_ms == 0


@pytest.mark.parametrize("cancelled", [True, False])
async def test_who_stops_in_line_leaves_it_and_nothing_was_tried(cancelled: bool) -> None:
    gate = Gatekeeper(1, hangs=True)
    place = Place(GOOD, gate=gate)
    heard = Heard(place)
    if cancelled:
        task = asyncio.create_task(heard.listen())
        while not heard.events:
            await asyncio.sleep(0)
        assert gate.in_line == 1
        task.cancel()
        await asyncio.wait({task})
    else:
        await heard.listen(until=WaitingNotice)
    assert (gate.in_line, gate.active(), place.asked) == (0, 0, 0)
    assert (heard.attempts, gate.log) == ([], [])


async def test_a_gate_that_refuses_leads_to_the_next_route() -> None:
    full = Gatekeeper(error=errors.RelayRateLimited(retry_after_seconds=60))
    one = Place(GOOD, gate=full)
    heard = await hear(one, Place(GOOD, name="two", priority=1))
    assert (heard.outcomes, one.asked) == ([("two", "completed")], 0)
    heard = await hear(one)
    assert heard.error is not None
    assert (heard.code, heard.error.retry_after_seconds) == ("relay_rate_limited", 60)
    assert heard.attempts == []


async def test_a_line_that_does_not_move_ends_with_the_time_of_an_answer() -> None:
    gate = Gatekeeper(1, hangs=True)
    heard = await hear(Place(GOOD, gate=gate, turn_timeout_seconds=0.05))
    assert (heard.code, gate.in_line) == ("relay_rate_limited", 0)


async def test_where_somebody_would_wait_comes_after_its_equals_and_before_what_is_worse() -> None:
    full = Gatekeeper()
    full.is_busy = lambda: True  # type: ignore[method-assign]
    busy, free = Place(name="busy", gate=full, weight=100).route, Place(name="free").route
    worse = Place(name="worse", priority=1).route
    rng = random.Random(1)
    for _ in range(100):
        assert in_order([worse, busy, free], rng.random) == [free, busy, worse]


async def test_an_answer_that_is_cut_leaves_what_it_took_so_far() -> None:
    gate = Gatekeeper()
    routed = Router().answer(REQUEST, [Place(answer("A long answer"), gate=gate).route], CLAIM)
    async with aclosing(routed) as events:
        async for event in events:
            if isinstance(event, AttemptStarted):
                attempt = event.attempt
            if isinstance(event, Delta):
                attempt.generated.append("4444" * 100)
                break
    assert gate.tokens == [CLAIM.tokens + 100]
