"""Whatever relays do and whenever somebody stops, the same things hold of an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chat.relay import errors
from chat.relay.attempts import AttemptStarted
from chat.relay.recourse import MAX_RESUMES
from chat.relay.retry import WAITING_BUDGET_SECONDS
from chat.relay.transports.scripted import Lose, Refuse, Step, answer, say
from chat.relay.types import Delta, FallbackNotice, ResumeNotice, RetryNotice
from tests.relay.routes import Gatekeeper, Heard, Place, going_on

ERRORS = st.sampled_from(
    [
        errors.RelayUnavailable(status=503),
        errors.RelayUnavailable(sent=False),
        errors.RelayTimeout(),
        errors.RelayAuth(status=401),
        errors.ModelUnknown(),
        errors.RelayReported(status=400),
        errors.RelayReported(),
        errors.RelayProtocol(),
        errors.RelayRateLimited(),
        errors.RelayRateLimited(retry_after_seconds=4),
        errors.RelayRateLimited(retry_after_seconds=900),
    ]
)
SCRIPTS: st.SearchStrategy[tuple[Step, ...]] = st.one_of(
    st.just(answer("a", "b")),
    st.just((say("x "), Lose())),
    st.just((Lose(),)),
    ERRORS.map(lambda error: (Refuse(error),)),
    ERRORS.map(lambda error: (say("y "), Refuse(error))),
)
PLACES = st.lists(
    st.fixed_dictionaries(
        {
            "scripts": st.lists(SCRIPTS, min_size=1, max_size=4),
            "resumes": st.booleans(),
            "priority": st.integers(0, 1),
            "max_retries": st.integers(1, 4),
            "full": st.booleans(),
            "queue": st.integers(0, 2),
        }
    ),
    min_size=1,
    max_size=3,
)


def place_of(number: int, wish: dict[str, Any]) -> Place:
    full = errors.RelayRateLimited(retry_after_seconds=60) if wish["full"] else None
    return Place(
        *wish["scripts"],
        name=f"relay {number}",
        gate=Gatekeeper(*range(wish["queue"], 0, -1), error=full),
        resumes=wish["resumes"],
        priority=wish["priority"],
        max_retries=wish["max_retries"],
    )


async def play(places: list[Place], stop_after: int | None) -> Heard:
    heard = Heard(*places, go_on=going_on)
    task = asyncio.create_task(heard.listen())
    while not task.done() and (stop_after is None or len(heard.events) < stop_after):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return heard


@settings(max_examples=300)
@given(wishes=PLACES, stop_after=st.none() | st.integers(0, 12))
def test_what_holds_of_every_answer(wishes: list[dict[str, Any]], stop_after: int | None) -> None:
    places = [place_of(number, wish) for number, wish in enumerate(wishes)]
    heard = asyncio.run(play(places, stop_after))
    # Nothing is left behind.
    for place in places:
        assert isinstance(place.gate, Gatekeeper)
        assert (place.gate.active(), place.gate.in_line, place.transport.open_streams) == (0, 0, 0)
        assert place.gate.log.count("enter") == place.gate.log.count("leave")
        assert place.breaker.state == "open" or place.breaker.try_enter()
    # Each try is told of and ended, and says whether it brought something.
    attempts = heard.attempts
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert all(attempt.outcome != "running" for attempt in attempts)
    assert sum(attempt.outcome == "completed" for attempt in attempts) <= 1
    assert all((attempt.error is not None) == (attempt.outcome == "failed") for attempt in attempts)
    # Once something has come, only going on is allowed, and only twice.
    spoke = False
    for event in heard.events:
        assert not (isinstance(event, RetryNotice | FallbackNotice) and spoke)
        if isinstance(event, Delta):
            spoke = True
        elif isinstance(event, ResumeNotice):
            assert spoke
            spoke = False
        elif isinstance(event, AttemptStarted):
            assert event.attempt.resumed == any(
                isinstance(each, ResumeNotice) for each in heard.events[: heard.events.index(event)]
            )
    assert sum(isinstance(event, ResumeNotice) for event in heard.events) <= MAX_RESUMES
    assert sum(heard.time.waits) <= WAITING_BUDGET_SECONDS
    if stop_after is None:
        completed = bool(attempts) and attempts[-1].outcome == "completed"
        assert completed == (heard.error is None)
