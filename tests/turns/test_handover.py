"""Turns handed from a process that runs none to one that does: once, whatever happens."""

from functools import partial

import pytest

from accounts.policy import Principal
from chat.models import Handover, Node, Turn
from chat.services import waiting
from chat.services.admission import start_turn
from chat.services.errors import ModelNotAllowed, NoRunner
from chat.services.handover import give_up, hand_on, hand_over, take
from chat.services.intents import Admitted, Intent, Models
from chat.services.interruption import request_interrupt
from chat.services.leases import BeatOf, beat, orphaned_turns, release
from tests.chat.admitting import MODEL, finish, wish
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced
from tests.turns.test_leases import LEASE_SECONDS, let_pass

__all__ = ["alice", "people", "priced"]


def runs(node: str, turns: int = 0, *, role: str = "runner", draining: bool = False) -> None:
    """A process beats; what it says of its number of turns is set afterwards."""
    beat(BeatOf(node, role, draining, ()))
    Node.objects.filter(name=node).update(running_turns=turns)


def hand(who: Principal, intent: Intent | None = None) -> Admitted:
    """Send as a web process does."""
    return hand_over(partial(start_turn, who, intent or wish(), models=Models(MODEL)))


def test_a_turn_waits_for_a_runner_and_is_taken_whole_and_once(alice: Principal) -> None:
    runs("runner")
    sent = hand(alice)
    assert sent.node == "runner"
    assert orphaned_turns(LEASE_SECONDS) == []
    assert take("another") == []
    (taken,) = take("runner")
    assert taken == sent
    assert taken.prompt
    assert take("runner") == []
    assert Turn.objects.get().node == "runner"


def test_without_a_runner_nothing_is_stored(alice: Principal) -> None:
    runs("web", role="web")
    runs("leaving", draining=True)
    runs("dead")
    let_pass("dead", LEASE_SECONDS + 1)
    with pytest.raises(NoRunner):
        hand(alice)
    assert not Turn.objects.exists()
    assert not Handover.objects.exists()


def test_a_refused_send_leaves_no_handover(alice: Principal) -> None:
    runs("runner")
    with pytest.raises(ModelNotAllowed):
        hand(alice, wish(model="a-model-without-a-price"))
    assert not Handover.objects.exists()
    hand(alice)
    assert Handover.objects.count() == 1


def test_the_same_send_twice_is_handed_over_once(alice: Principal) -> None:
    runs("runner")
    intent = wish()
    first, second = hand(alice, intent), hand(alice, intent)
    assert (first.created, second.created) == (True, False)
    assert second.turn_id == first.turn_id
    assert Handover.objects.count() == 1


def test_what_has_to_wait_in_line_is_not_handed_over(alice: Principal) -> None:
    runs("runner")
    first = hand(alice)
    follow_up = wish(conversation_id=first.conversation_id)
    in_line = hand_over(partial(waiting.send, alice, follow_up, models=Models(MODEL)))
    assert isinstance(in_line, waiting.InLine)
    assert Handover.objects.count() == 1


def test_runners_with_few_turns_are_chosen_by_chance_among_themselves(
    alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("busy", 40)
    runs("idle", 4)
    runs("as idle", 7, role="all")
    asked: list[list[str]] = []

    def choose(names: list[str]) -> str:
        asked.append(sorted(names))
        return names[0]

    monkeypatch.setattr("chat.services.handover.random.choice", choose)
    hand(alice)
    assert asked == [["as idle", "idle"]]


def test_what_a_dead_runner_has_not_taken_another_one_takes_and_nobody_adopts(
    alice: Principal,
) -> None:
    runs("runner")
    sent = hand(alice)
    runs("another")
    let_pass("runner", LEASE_SECONDS + 1)
    assert orphaned_turns(LEASE_SECONDS) == []
    (taken,) = take("another")
    assert taken.turn_id == sent.turn_id
    assert Turn.objects.get().node == "another"
    # Should the first one wake, there is nothing left for it.
    runs("runner")
    assert take("runner") == []


def test_what_ended_before_it_was_taken_is_not_run(alice: Principal) -> None:
    runs("runner")
    finish(hand(alice))
    assert take("runner") == []
    assert not Handover.objects.exists()


def test_a_stop_that_came_before_it_was_taken_is_found_by_the_first_beat(alice: Principal) -> None:
    runs("runner")
    sent = hand(alice)
    request_interrupt(alice, sent.turn_id)
    (taken,) = take("runner")
    answer = beat(BeatOf("runner", "runner", False, (taken.turn_id,)))
    assert dict(answer.stop) == {sent.turn_id: alice.user_id}


def test_a_runner_that_ends_hands_on_what_it_has_not_taken(alice: Principal) -> None:
    runs("runner")
    sent = hand(alice)
    assert hand_on("runner") == {}
    assert Handover.objects.get().node == "runner"
    runs("another")
    assert hand_on("runner") == {sent.turn_id: "another"}
    assert take("runner") == []
    assert [each.turn_id for each in take("another")] == [sent.turn_id]


def test_with_the_last_runner_gone_what_waits_ends_and_costs_nothing(alice: Principal) -> None:
    runs("runner")
    runs("web", role="web")
    hand(alice)
    assert give_up() == 0
    release("runner")
    assert give_up() == 1
    turn = Turn.objects.get()
    assert (turn.state, turn.cost_nano_usd) == ("orphaned", 0)
    assert not Handover.objects.exists()
