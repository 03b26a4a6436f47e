"""Limits of a person and of a team: judged when a turn is admitted, nothing stored beyond them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.policy import Principal
from billing.models import Hold
from chat.models import Conversation, Message, Turn
from chat.services.errors import RateLimited, Refused, TooManyTurns
from chat.services.intents import Admitted
from tests.billing.test_races import all_at_once
from tests.chat.admitting import finish, send, wish
from tests.chat.conftest import alice, bob, charlie, people, principal
from tests.chat.test_admission import priced
from tests.people import Cast

__all__ = ["alice", "bob", "charlie", "people", "priced"]
pytestmark = pytest.mark.django_db(transaction=True)
Limit = Callable[..., None]


@pytest.fixture
def limit(settings: Any) -> Limit:
    """`limit(max_turns_per_team=3)`; all other limits are off."""
    settings.TURNS = replace(settings.TURNS, max_turns_per_person=1000, default_max_tokens=256)

    def set_limits(**limits: int) -> None:
        settings.LIMITS = replace(settings.LIMITS, **limits)

    return set_limits


def ended(who: Principal) -> Admitted:
    turn = send(who)
    finish(turn)
    return turn


def age(turns: Any, seconds: float) -> None:
    """Let turns have begun and ended so much earlier."""
    for turn in turns:
        earlier = timedelta(seconds=seconds)
        end = turn.ended_at and turn.ended_at - earlier
        turns.filter(pk=turn.pk).update(created_at=turn.created_at - earlier, ended_at=end)


def refusal(who: Principal) -> Refused:
    with pytest.raises(Refused) as refused:
        send(who)
    return refused.value


def test_a_person_begins_so_many_turns_a_minute_and_no_more(
    limit: Limit, people: Cast, alice: Principal, bob: Principal
) -> None:
    limit(max_requests_per_minute_per_person=3)
    for _ in range(3):
        ended(alice)
    before = [model.objects.count() for model in (Turn, Message, Conversation, Hold)]
    error = refusal(alice)
    assert isinstance(error, RateLimited)
    assert error.code == "rate_limited"
    assert error.detail == {"limit": "person_requests", "maximum": 3}
    assert 50 < (error.retry_after_seconds or 0) <= 60
    assert [model.objects.count() for model in (Turn, Message, Conversation, Hold)] == before
    # Others are not held up by it; she is in her other teams as well.
    send(bob)
    own = people.alice.memberships.exclude(team=people.team).get().team
    assert refusal(principal(people.alice, own)).code == "rate_limited"


def test_the_minute_slides(limit: Limit, alice: Principal) -> None:
    limit(max_requests_per_minute_per_person=2)
    ended(alice)
    age(Turn.objects.all(), 45)
    ended(alice)
    error = refusal(alice)
    assert error.retry_after_seconds == pytest.approx(15, abs=2)
    age(Turn.objects.all(), 16)
    ended(alice)
    assert refusal(alice).retry_after_seconds == pytest.approx(44, abs=2)


def test_a_team_begins_so_many_turns_a_minute_however_many_people_it_has(
    limit: Limit, alice: Principal, bob: Principal, charlie: Principal
) -> None:
    limit(max_requests_per_minute_per_team=2)
    ended(alice)
    ended(bob)
    for who in (alice, bob):
        assert refusal(who).detail == {"limit": "team_requests", "maximum": 2}
    send(charlie)


def test_a_team_has_so_many_turns_at_a_time(
    limit: Limit, alice: Principal, bob: Principal, charlie: Principal
) -> None:
    limit(max_turns_per_team=2)
    running = [send(alice), send(bob)]
    error = refusal(bob)
    assert isinstance(error, TooManyTurns)
    assert error.detail == {"limit": "team_turns", "limit_turns": 2}
    send(charlie)
    finish(running[0])
    send(bob)


@pytest.mark.parametrize("whose", ["person", "team"])
def test_tokens_are_waited_for_after_they_were_used(
    limit: Limit, alice: Principal, bob: Principal, whose: str
) -> None:
    limit(**{f"max_tokens_per_minute_per_{whose}": 100})
    first = send(alice)
    # What an answer takes is not known before its end.
    second = send(alice)
    finish(first)
    finish(second)
    Turn.objects.filter(pk=first.turn_id).update(
        prompt_tokens=10, completion_tokens=80, ended_at=timezone.now() - timedelta(seconds=30)
    )
    Turn.objects.filter(pk=second.turn_id).update(prompt_tokens=10, completion_tokens=5)
    error = refusal(alice)
    assert error.detail == {"limit": f"{whose}_tokens", "maximum": 100}
    assert error.retry_after_seconds == pytest.approx(30, abs=2)
    if whose == "team":
        assert refusal(bob).code == "rate_limited"
    else:
        send(bob)
    age(Turn.objects.filter(requester_id=alice.user_id), 31)
    send(alice)


def test_a_send_that_was_admitted_is_not_refused_when_it_comes_again(
    limit: Limit, alice: Principal
) -> None:
    limit(max_requests_per_minute_per_person=1, max_turns_per_team=1)
    intent = wish()
    first, again = send(alice, intent), send(alice, intent)
    assert (again.turn_id, again.created) == (first.turn_id, False)
    assert refusal(alice).code == "rate_limited"


def test_one_send_that_comes_many_times_at_once_is_admitted_each_time(
    limit: Limit, alice: Principal
) -> None:
    limit(max_requests_per_minute_per_person=1, max_turns_per_team=1)
    intent = wish()
    got: list[Admitted] = []
    all_at_once(lambda _: got.append(send(alice, intent)), 8)
    assert len(got) == 8
    assert len({turn.turn_id for turn in got}) == 1


def test_a_refused_send_counts_no_more_than_one_that_never_came(
    limit: Limit, alice: Principal
) -> None:
    limit(max_requests_per_minute_per_person=1)
    ended(alice)
    age(Turn.objects.all(), 50)
    for _ in range(5):
        refusal(alice)
    age(Turn.objects.all(), 11)
    send(alice)


def test_the_counts_are_exact_when_all_come_at_once(
    limit: Limit, people: Cast, alice: Principal, bob: Principal
) -> None:
    limit(max_requests_per_minute_per_team=5, max_turns_per_team=7)
    refused: list[str] = []

    def try_to_send(number: int) -> None:
        try:
            send(alice if number % 2 else bob)
        except Refused as error:
            refused.append(error.code)

    all_at_once(try_to_send, 20)
    assert Turn.objects.count() == 5
    assert refused == ["rate_limited"] * 15


def test_a_clock_that_was_set_back_does_not_lock_anybody_out(
    limit: Limit, alice: Principal
) -> None:
    limit(max_requests_per_minute_per_person=1)
    ended(alice)
    age(Turn.objects.all(), -3600)
    send(alice)
