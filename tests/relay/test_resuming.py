"""A stream that broke is gone on with where the relay's settings allow it, at most twice."""

from __future__ import annotations

import pytest

from chat.relay import errors
from chat.relay.transports.scripted import Lose, Refuse, Step, answer, say
from chat.relay.types import ResumeNotice
from tests.relay.routes import Place, going_on, hear

BROKEN: list[Step] = [say("one "), say("two "), Lose()]
REST = answer("three")


async def test_a_broken_answer_is_gone_on_with_from_where_it_broke() -> None:
    place = Place(BROKEN, REST, resumes=True)
    heard = await hear(place, go_on=going_on)
    assert (heard.text, heard.error) == ("one two three", None)
    assert [attempt.resumed for attempt in heard.attempts] == [False, True]
    assert heard.outcomes == [("one", "failed"), ("one", "completed")]
    assert place.transport.requests[1].extra == {"after": "one two "}
    notices = [event for event in heard.events if isinstance(event, ResumeNotice)]
    assert [notice.error.code for notice in notices] == ["relay_stream_broken"]
    assert heard.time.waits == []


@pytest.mark.parametrize(
    "last",
    [Refuse(errors.RelayTruncated()), Refuse(errors.RelayTimeout("The relay fell silent."))],
)
async def test_a_cut_and_a_silent_answer_are_gone_on_with_too(last: Step) -> None:
    heard = await hear(Place([say("one "), last], REST, resumes=True), go_on=going_on)
    assert heard.text == "one three"


async def test_by_default_a_broken_answer_stays_as_it_is() -> None:
    heard = await hear(Place(BROKEN, REST), go_on=going_on)
    assert (heard.code, heard.text) == ("relay_stream_broken", "one two ")


@pytest.mark.parametrize("code", ["relay_error", "relay_protocol"])
async def test_an_error_that_the_relay_reports_ends_the_answer(code: str) -> None:
    error = errors.RelayReported() if code == "relay_error" else errors.RelayProtocol()
    heard = await hear(Place([say("one"), Refuse(error)], REST, resumes=True), go_on=going_on)
    assert (heard.code, len(heard.attempts)) == (code, 1)


async def test_an_answer_is_gone_on_with_twice_and_no_more() -> None:
    place = Place([say("x "), Lose()], resumes=True)
    heard = await hear(place, go_on=going_on)
    assert (heard.code, heard.text, place.asked) == ("relay_stream_broken", "x x x ", 3)
    assert place.transport.requests[2].extra == {"after": "x x "}


async def test_another_route_may_go_on_when_the_same_one_is_gone() -> None:
    gone = Refuse(errors.RelayUnavailable(sent=False))
    one, two = Place(BROKEN, [gone], resumes=True), Place(REST, name="two", priority=1)
    heard = await hear(one, two, go_on=going_on)
    assert heard.text == "one two three"
    assert heard.outcomes == [("one", "failed")] * 4 + [("two", "completed")]
    assert [attempt.resumed for attempt in heard.attempts] == [False] + [True] * 4
    assert two.transport.requests[0].extra == {"after": "one two "}


async def test_what_came_is_kept_when_going_on_fails() -> None:
    gone = Refuse(errors.RelayUnavailable(sent=False))
    heard = await hear(Place(BROKEN, [gone], resumes=True, max_retries=1), go_on=going_on)
    assert (heard.code, heard.text) == ("relay_unavailable", "one two ")


async def test_without_room_for_more_the_answer_stays_as_it_is() -> None:
    place = Place(BROKEN, REST, resumes=True)
    heard = await hear(place, go_on=lambda _content: None)
    assert (heard.code, place.asked) == ("relay_stream_broken", 1)


async def test_reasoning_alone_is_nothing_to_go_on_from() -> None:
    place = Place([say("", reasoning_content="Hm."), Lose()], REST, resumes=True)
    heard = await hear(place, go_on=going_on)
    assert (heard.code, place.asked) == ("relay_stream_broken", 1)
