"""Many at once, on either database: one turn for one id, exact limits, one end, no deadlock."""

import random
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from accounts.policy import Principal
from accounts.services.keys import create_api_key
from billing.budgets import budget_of
from billing.models import Hold, Settlement
from chat.models import Message, Turn, TurnState
from chat.services.ending import TurnEnd, end_turn, stored_end
from chat.services.errors import TooManyTurns
from chat.services.intents import Admitted
from chat.services.recovery import recover_turn
from tests.billing.test_races import all_at_once
from tests.chat.admitting import attempt_of, finish, send, wish
from tests.chat.conftest import alice, bob, people, principal
from tests.chat.test_admission import priced
from tests.chat.test_completions import ask, asked, program
from tests.people import Cast

__all__ = ["alice", "bob", "people", "priced"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def many_turns(settings: Any) -> None:
    settings.TURNS = replace(settings.TURNS, max_turns_per_person=10_000, default_max_tokens=256)


def test_one_id_sent_many_times_at_once_is_one_turn(alice: Principal, people: Cast) -> None:
    intent = wish()
    got: list[Admitted] = []
    all_at_once(lambda _: got.append(send(alice, intent)), 8)
    assert len({turn.turn_id for turn in got}) == 1
    assert [turn.created for turn in got].count(True) == 1
    assert (Turn.objects.count(), Message.objects.count(), Hold.objects.count()) == (1, 2, 1)
    assert budget_of(people.team.pk).held_nano_usd == got[0].hold_nano_usd


def test_one_request_of_a_program_many_times_at_once_is_one_turn(people: Cast) -> None:
    key = program(create_api_key(people.bob, people.team, "a script").key)
    wanted, got = asked(), list[Admitted]()
    all_at_once(lambda _: got.append(ask(key, wanted)), 8)
    assert len({turn.turn_id for turn in got}) == 1
    assert [turn.created for turn in got].count(True) == 1
    assert (Turn.objects.count(), Message.objects.count(), Hold.objects.count()) == (1, 1, 1)


def test_a_person_never_has_more_turns_than_allowed_in_all_her_teams(
    people: Cast, settings: Any
) -> None:
    settings.TURNS = replace(settings.TURNS, max_turns_per_person=3)
    own = people.bob.memberships.exclude(team=people.team).get().team
    where = [principal(people.bob, people.team), principal(people.bob, own)]
    refused: list[int] = []

    def try_to_send(number: int) -> None:
        try:
            send(where[number % 2])
        except TooManyTurns:
            refused.append(number)

    all_at_once(try_to_send, 20)
    assert Turn.objects.filter(state=TurnState.RUNNING).count() == 3
    assert len(refused) == 17
    assert Hold.objects.count() == 3


def test_a_turn_ends_once_however_many_want_to_end_it(alice: Principal, people: Cast) -> None:
    turns = [send(alice) for _ in range(70)]
    # An end that completes, one that interrupts, a recovery: in a random order for each turn.
    acts = [(turn, act) for turn in turns for act in ("complete", "interrupt", "recover")]
    random.Random(7).shuffle(acts)

    def end(number: int) -> None:
        turn, act = acts[number]
        if act == "recover":
            recover_turn(turn.turn_id)
        elif act == "complete":
            _end(turn, "completed", "the whole answer")
        else:
            _end(turn, "interrupted", "the whole")

    all_at_once(end, len(acts))
    text = {"completed": "the whole answer", "interrupted": "the whole", "orphaned": ""}
    for turn in turns:
        ended = stored_end(turn.turn_id)
        assert ended is not None
        assert ended.content == text[ended.state]
    assert Settlement.objects.count() == len(turns)
    costs = sum(Settlement.objects.values_list("cost_nano_usd", flat=True))
    budget = budget_of(people.team.pk)
    assert (budget.held_nano_usd, budget.spent_nano_usd) == (0, costs)


def test_answers_that_begin_and_end_in_one_conversation_never_wait_in_a_circle(
    alice: Principal, bob: Principal, people: Cast
) -> None:
    first = send(alice)
    finish(first)
    ended: list[UUID] = []

    def again(number: int) -> None:
        turn = send(
            (alice, bob)[number % 2],
            kind="regenerate",
            target_id=first.assistant_message_id,
            content="",
        )
        finish(turn)
        ended.append(turn.turn_id)

    all_at_once(again, 100)
    assert len(ended) == 100
    numbers = Message.objects.values_list("number", flat=True)
    assert sorted(numbers) == list(range(1, 103))
    assert budget_of(people.team.pk).held_nano_usd == 0


def _end(turn: Admitted, state: str, content: str) -> None:
    end_turn(
        TurnEnd(
            turn_id=turn.turn_id,
            epoch=turn.epoch,
            model=turn.model,
            state=state,
            content=content,
            reasoning="",
            attempts=(attempt_of(turn, content),),
        )
    )
