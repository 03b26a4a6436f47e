"""Ending a turn: decided once, settled once, and never for more than was held."""

import uuid

import pytest

from accounts.policy import NotVisible, Principal
from billing.budgets import budget_of
from chat.models import Turn, TurnState
from chat.services.conversations import delete
from chat.services.ending import stored_end
from chat.services.interruption import turns_to_stop
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, finish, send
from tests.chat.conftest import principal
from tests.people import Cast


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "8")


def test_the_end_of_a_turn_is_found_in_its_own_conversation_only(alice: Principal) -> None:
    turn, other = send(alice), send(alice)
    assert stored_end(turn.turn_id) is None
    finish(turn)
    assert stored_end(turn.turn_id, conversation_id=turn.conversation_id) is not None
    for turn_id, conversation_id in (
        (turn.turn_id, other.conversation_id),
        (uuid.uuid4(), turn.conversation_id),
    ):
        with pytest.raises(NotVisible):
            stored_end(turn_id, conversation_id=conversation_id)


def test_a_turn_stops_when_asked_and_when_nobody_can_want_it_any_more(
    alice: Principal, bob: Principal, people: Cast
) -> None:
    mine, his, asked = send(alice), send(bob), send(alice)
    ids = (mine.turn_id, his.turn_id, asked.turn_id)
    assert turns_to_stop(ids) == {}
    Turn.objects.filter(pk=asked.turn_id).update(
        interrupt_requested_at="2026-01-01T00:00Z", interrupted_by=people.bob
    )
    assert turns_to_stop(ids) == {asked.turn_id: people.bob.pk}
    type(people.bob).objects.filter(pk=people.bob.pk).update(is_active=False)
    delete(alice, mine.conversation_id)
    assert turns_to_stop(ids) == {
        mine.turn_id: people.alice.pk,
        his.turn_id: None,
        asked.turn_id: people.bob.pk,
    }
    assert turns_to_stop(ids[:1]) == {mine.turn_id: people.alice.pk}


def test_an_end_after_the_end_changes_nothing(alice: Principal, people: Cast) -> None:
    turn = send(alice)
    finish(turn, "First")
    spent = budget_of(people.team.pk).spent_nano_usd
    finish(turn, "Second and much longer", state="interrupted")
    ended = stored_end(turn.turn_id)
    assert ended is not None
    assert (ended.content, ended.state) == ("First", TurnState.COMPLETED)
    assert budget_of(people.team.pk).spent_nano_usd == spent


def test_an_estimate_never_exceeds_the_hold(alice: Principal) -> None:
    turn = send(alice)
    finish(turn, generated="tram " * 100_000)
    ended = stored_end(turn.turn_id)
    assert ended is not None
    assert ended.cost_nano_usd == turn.hold_nano_usd


def test_current_team_is_where_a_new_conversation_goes(people: Cast) -> None:
    assert send(principal(people.bob, people.team)).team_id == people.team.pk
