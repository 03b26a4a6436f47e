"""Two processes that both work on a batch, at the same moment, on either database."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from accounts.policy import Principal
from billing.models import Hold, Settlement
from chat.models import Batch, BatchLine, Turn
from chat.services.batch_asking import LineGone
from chat.services.batch_changes import resume_batch, stop_batch
from chat.services.batch_ends import end_line
from chat.services.errors import TooManyTurns
from tests.batches.working import ask, ask_next, batch_of, line_of, lives, standing, take
from tests.chat.admitting import finish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("funded")]
HERE = "here"
THREADS = 6


@pytest.fixture
def batch(bob: Principal) -> Batch:
    made = batch_of(bob, concurrency=2)
    lives(HERE)
    assert take(HERE) == [made.pk]
    return made


def all_at_once(act: Callable[[int], object], refused: type[Exception]) -> int:
    """Call `act` from many threads that start together; gives how many were not refused."""
    start, passed, errors = threading.Barrier(THREADS), list[int](), list[BaseException]()

    def work(number: int) -> None:
        try:
            start.wait(30)
            act(number)
            passed.append(number)
        except refused:
            pass
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors[0]
    return len(passed)


def test_a_line_that_many_ask_at_once_has_one_turn_and_one_hold(batch: Batch) -> None:
    first = standing(batch, HERE).next
    assert first is not None
    assert all_at_once(lambda _: ask(batch, first.line_id, HERE), LineGone) == 1
    assert Turn.objects.count() == Hold.objects.count() == 1
    assert BatchLine.objects.get(pk=first.line_id).tries == 1


def test_an_end_that_many_take_at_once_counts_once(batch: Batch) -> None:
    turn = ask_next(batch, HERE)
    finish(turn)
    line = line_of(turn)
    all_at_once(lambda _: end_line(line.pk, turn.turn_id), LineGone)
    batch.refresh_from_db()
    assert batch.lines_answered == 1
    assert batch.cost_nano_usd == Settlement.objects.get().cost_nano_usd


def test_stops_among_admissions_leave_no_line_that_nobody_was_told_to_stop(
    batch: Batch, bob: Principal
) -> None:
    ids = list(batch.lines.order_by("number").values_list("id", flat=True))

    def act(number: int) -> None:
        if number % 2:
            stop_batch(bob, batch.pk)
        else:
            ask(batch, ids[number // 2], HERE)

    all_at_once(act, LineGone)
    running = Turn.objects.filter(state="running")
    assert not running.filter(interrupt_requested_at=None).exists()
    assert set(standing(batch, HERE).running_lines.values()) == {turn.pk for turn in running}
    resume_batch(bob, batch.pk)


def test_batches_resumed_at_once_are_counted_one_after_the_other(
    bob: Principal, settings: Any
) -> None:
    settings.BATCHES = replace(settings.BATCHES, max_running_per_person=THREADS)
    batches = [batch_of(bob, 1) for _ in range(THREADS)]
    for each in batches:
        stop_batch(bob, each.pk)
    settings.BATCHES = replace(settings.BATCHES, max_running_per_person=2)
    assert all_at_once(lambda n: resume_batch(bob, batches[n].pk), TooManyTurns) == 2
