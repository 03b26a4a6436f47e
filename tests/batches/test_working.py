"""What becomes of a batch's lines: answered once, paid once, whoever works on it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.policy import Forbidden, Principal
from accounts.services import keys, teams
from accounts.services.principals import principal_for_key_id
from billing.models import Settlement, Transfer
from chat.models import Batch, BatchLine, Message, Node, Turn
from chat.queries.batches import view_of_batch
from chat.services.batch_asking import LineGone, hold_line, standing_of
from chat.services.batch_changes import delete_batch, resume_batch, stop_batch
from chat.services.batch_ends import end_line, fail_line, halt_batch
from chat.services.batch_taking import give_back, purge_batch
from chat.services.errors import BudgetTooSmall, RateLimited
from chat.services.recovery import recover_turn
from tests.batches.working import ask, ask_next, batch_of, dies, line_of, lives, standing, take
from tests.chat.admitting import finish, send
from tests.people import Cast

pytestmark = pytest.mark.usefixtures("funded")
HERE, THERE = "here", "there"


@pytest.fixture
def batch(bob: Principal) -> Batch:
    """Three prompts of Bob's, two at a time, taken by `here`."""
    made = batch_of(bob, concurrency=2)
    lives(HERE, THERE)
    assert take(HERE) == [made.pk]
    return made


def answer(batch: Batch, node: str = HERE, **end: Any) -> BatchLine:
    turn = ask_next(batch, node)
    finish(turn, **end)
    line = line_of(turn)
    assert end_line(line.pk, turn.turn_id)
    line.refresh_from_db()
    return line


def test_as_many_lines_are_under_way_as_may_and_the_last_one_ends_the_batch(batch: Batch) -> None:
    first, second = ask_next(batch, HERE), ask_next(batch, HERE)
    assert standing(batch, HERE).next is None
    assert not end_line(line_of(first).pk, first.turn_id)
    for turn in (first, second):
        finish(turn)
        assert end_line(line_of(turn).pk, turn.turn_id)

    last = answer(batch)

    batch.refresh_from_db()
    view = view_of_batch(batch)
    assert (last.number, view.state, view.lines.answered) == (3, "finished", 3)
    assert view.cost_nano_usd == sum(Settlement.objects.values_list("cost_nano_usd", flat=True))
    assert view.cost_nano_usd == sum(line.cost_nano_usd for line in batch.lines.all())
    assert take(HERE) == []


def test_an_end_that_is_told_twice_counts_once(batch: Batch) -> None:
    line = answer(batch)
    before = Batch.objects.values().get(pk=batch.pk)
    assert line.turn_id is not None
    assert end_line(line.pk, line.turn_id)
    assert Batch.objects.values().get(pk=batch.pk) == before


def test_a_line_whose_process_died_is_answered_by_another_turn_and_costs_both(batch: Batch) -> None:
    turn = ask_next(batch, HERE)
    dies(HERE)
    assert take(THERE) == [batch.pk]
    line = line_of(turn)
    assert standing(batch, THERE).running_lines == {line.pk: turn.turn_id}

    recover_turn(turn.turn_id)
    assert end_line(line.pk, turn.turn_id)
    again = answer(batch, THERE)

    assert (again.number, again.state, again.tries, again.failures) == (1, "answered", 2, 0)
    costs = Turn.objects.values_list("cost_nano_usd", flat=True)
    assert again.cost_nano_usd == sum(costs)
    assert Turn.objects.filter(state="completed").count() == 1


def test_of_two_nodes_that_both_think_it_theirs_one_begins_its_lines(batch: Batch) -> None:
    first = standing(batch, HERE).next
    assert first is not None
    dies(HERE)
    take(THERE)
    lives(HERE)

    with pytest.raises(LineGone):
        ask(batch, first.line_id, HERE)
    turn = ask(batch, first.line_id, THERE)
    with pytest.raises(LineGone):
        ask(batch, first.line_id, THERE)

    assert standing_of(batch.pk, HERE) is None
    assert take(HERE) == []
    assert Turn.objects.get().id == turn.turn_id


def test_nobody_takes_a_batch_from_a_process_that_lives(batch: Batch) -> None:
    assert take(THERE, adopt=True) == []
    Node.objects.filter(name=HERE).update(beat_at=Now() - timedelta(minutes=1))
    assert take(THERE) == []
    assert take(THERE, adopt=True) == [batch.pk]


def test_while_the_own_lease_looks_old_nothing_is_taken(batch: Batch) -> None:
    Node.objects.update(beat_at=Now() - timedelta(minutes=1))
    assert take(THERE, adopt=True) == []


def test_what_a_process_gives_back_is_taken_at_once(batch: Batch) -> None:
    give_back(HERE)
    assert take(THERE) == [batch.pk]


@pytest.mark.parametrize(("code", "tries"), [("relay_timeout", 3), ("relay_auth", 1)])
def test_what_may_pass_is_tried_again_and_the_rest_fails_the_line(
    batch: Batch, settings: Any, code: str, tries: int
) -> None:
    settings.BATCHES = replace(settings.BATCHES, line_tries=3, retry_seconds=60)
    failed = {"state": "failed", "error_code": code, "error_message": "No answer."}
    for number in range(1, tries + 1):
        line = answer(batch, content="", **failed)
        assert (line.number, line.tries) == (1, number)
        assert (line.state == "waiting") == (number < tries)
        BatchLine.objects.filter(pk=line.pk, state="waiting").update(not_before=None)
    assert (line.state, line.error_code, line.failures) == ("failed", code, tries)
    batch.refresh_from_db()
    assert (batch.lines_failed, batch.state) == (1, "running")


def test_a_line_that_is_held_lets_the_others_go_first(batch: Batch) -> None:
    first = standing(batch, HERE).next
    assert first is not None
    hold_line(first.line_id, 60)
    assert (after := standing(batch, HERE).next) is not None
    assert after.number == 2
    for line in batch.lines.exclude(pk=first.line_id):
        fail_line(batch.pk, line.pk, "model_unknown", "No relay offers it.")
    left = standing(batch, HERE)
    assert left.next is None
    assert left.wait_seconds
    assert 50 < left.wait_seconds <= 60


def test_a_batch_leaves_room_for_its_person(batch: Batch, bob: Principal, settings: Any) -> None:
    settings.LIMITS = replace(settings.LIMITS, max_requests_per_minute_per_person=2)
    answer(batch)
    with pytest.raises(RateLimited):
        ask_next(batch, HERE)
    assert send(bob).created


def test_a_stop_interrupts_what_runs_and_a_resume_asks_it_again(
    batch: Batch, bob: Principal
) -> None:
    turn = ask_next(batch, HERE)
    stop_batch(bob, batch.pk)
    assert standing(batch, HERE).stop == {turn.turn_id: bob.user_id}
    with pytest.raises(LineGone):
        ask(batch, batch.lines.get(number=2).pk, HERE)
    line = line_of(turn)
    finish(turn, state="interrupted")
    assert end_line(line.pk, turn.turn_id)
    line.refresh_from_db()
    assert line.state == "waiting"

    resume_batch(bob, batch.pk)
    assert answer(batch).tries == 2


def test_a_budget_that_would_cut_an_answer_short_begins_nothing(
    batch: Batch, bob: Principal, people: Cast
) -> None:
    held = Transfer.objects.count()
    line = standing(batch, HERE).next
    assert line is not None
    BatchLine.objects.filter(pk=line.line_id).update(
        body=line.body.replace("{", '{"max_tokens": 1000000, ', 1)
    )
    with pytest.raises(BudgetTooSmall):
        ask(batch, line.line_id, HERE)
    assert Transfer.objects.count() == held
    assert not Turn.objects.exists()

    halt_batch(batch.pk, HERE, "budget_exhausted", "Add credit.")
    batch.refresh_from_db()
    assert view_of_batch(batch).stop == {"code": "budget_exhausted", "message": "Add credit."}
    resume_batch(bob, batch.pk)
    batch.refresh_from_db()
    assert (batch.state, view_of_batch(batch).stop) == ("running", None)


def test_lines_are_asked_with_the_rights_of_each_moment(bob: Principal, people: Cast) -> None:
    made = keys.create_api_key(people.bob, people.team, "for a batch")
    holder = principal_for_key_id(made.key.pk)
    assert holder is not None
    batch = batch_of(holder)
    lives(HERE)
    take(HERE)
    answer(batch)
    assert Turn.objects.get().api_key_id == made.key.pk

    keys.revoke_api_key(made.key)
    with pytest.raises(Forbidden, match="API key"):
        ask_next(batch, HERE)

    teams.remove_member(people.team, people.bob)
    other = Batch.objects.filter(pk=batch.pk)
    other.update(api_key=None)
    with pytest.raises(Forbidden):
        ask_next(batch, HERE)


def test_a_deleted_batch_takes_its_texts_along_and_leaves_the_money(
    batch: Batch, bob: Principal
) -> None:
    answer(batch, content="A secret.")
    running = ask_next(batch, HERE)
    delete_batch(bob, batch.pk)
    purge_batch(batch.pk)
    assert Batch.objects.filter(pk=batch.pk).exists(), "one of its turns is not settled"

    line = line_of(running)
    finish(running, "Another secret.", state="interrupted")
    end_line(line.pk, running.turn_id)
    assert take(HERE) == [batch.pk]
    purge_batch(batch.pk)

    assert not Batch.objects.exists()
    assert not BatchLine.objects.exists()
    assert set(Message.objects.values_list("content", "search_text")) == {("", "")}
    assert Settlement.objects.count() == Turn.objects.count() == 2
