"""Few go through at a time, some wait, and nobody takes all of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread

import pytest

from chat.api.turnstile import Turnstile
from chat.services.errors import RateLimited

ALICE, BOB, CHARLIE = 1, 2, 3


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_person_has_few_under_way_and_others_go_on(stack: ExitStack) -> None:
    turnstile = Turnstile(at_once=4, of_each=2)
    for _ in range(2):
        stack.enter_context(turnstile.through(ALICE))
    with pytest.raises(RateLimited) as refused, turnstile.through(ALICE):
        raise AssertionError("a third one went through")
    assert (refused.value.code, refused.value.retry_after_seconds) == ("rate_limited", 1.0)
    with turnstile.through(BOB):
        pass


def test_who_comes_too_often_is_told_when_to_come_again() -> None:
    now = [0.0]
    turnstile = Turnstile(per_second=4, burst=20, clock=lambda: now[0])

    def through(person: int, times: int) -> None:
        for _ in range(times):
            with turnstile.through(person):
                pass

    through(ALICE, 20)
    for _ in range(2):
        with pytest.raises(RateLimited) as refused:
            through(ALICE, 1)
        assert refused.value.retry_after_seconds == 0.2
    through(BOB, 20)
    now[0] += 1
    through(ALICE, 4)
    with pytest.raises(RateLimited):
        through(ALICE, 1)


def test_one_waits_for_a_place_and_who_finds_the_line_full_is_refused() -> None:
    turnstile = Turnstile(at_once=1, in_line=1, wait_seconds=10)
    came = Event()

    def wait() -> None:
        with turnstile.through(BOB):
            came.set()

    with turnstile.through(ALICE):
        waiting = Thread(target=wait)
        waiting.start()
        while not turnstile.waiting:
            pass
        with pytest.raises(RateLimited), turnstile.through(CHARLIE):
            raise AssertionError("there was no place in line")
        assert not came.is_set()
    waiting.join(10)
    assert came.is_set()
    with turnstile.through(CHARLIE):
        pass


def test_nobody_waits_for_ever() -> None:
    turnstile = Turnstile(at_once=1, wait_seconds=0.01)
    with turnstile.through(ALICE), pytest.raises(RateLimited), turnstile.through(BOB):
        raise AssertionError("two went through at once")
    with turnstile.through(BOB):
        pass


def test_a_failure_inside_leaves_the_place_free() -> None:
    turnstile = Turnstile(at_once=1, wait_seconds=0.01)
    with pytest.raises(KeyError), turnstile.through(ALICE):
        raise KeyError
    with turnstile.through(BOB):
        pass
