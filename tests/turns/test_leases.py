"""Leases: who is alive by the database's clock, and who may take over what."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Now

from accounts.policy import Principal
from chat.models import Node, Turn
from chat.services.leases import BeatOf, beat, forget_others, orphaned_turns, release
from tests.chat.admitting import finish, send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced

__all__ = ["alice", "people", "priced"]

LEASE_SECONDS = 10


def beat_of(node: str, *turn_ids: UUID, draining: bool = False) -> BeatOf:
    return BeatOf(node, "all", draining, turn_ids)


def let_pass(node: str, seconds: float) -> None:
    """As if the process had not beaten for so long."""
    earlier = ExpressionWrapper(
        F("beat_at") - timedelta(seconds=seconds), output_field=DateTimeField()
    )
    Node.objects.filter(name=node).update(beat_at=earlier)


def orphans() -> list[UUID]:
    return orphaned_turns(LEASE_SECONDS)


def test_a_turn_is_left_behind_when_its_process_has_not_beaten_for_a_lease(
    alice: Principal,
) -> None:
    turn = send(alice)
    beat(beat_of("here"))
    assert orphans() == []
    let_pass("here", LEASE_SECONDS - 3)
    assert orphans() == []
    let_pass("here", 4)
    assert orphans() == [turn.turn_id]


def test_a_turn_of_a_process_without_a_row_is_left_behind(alice: Principal) -> None:
    turn = send(alice)
    beat(beat_of("another"))
    assert orphans() == [turn.turn_id]


def test_a_process_that_beats_again_has_its_lease_again(alice: Principal) -> None:
    send(alice)
    beat(beat_of("here"))
    let_pass("here", 3600)
    renewed = beat(beat_of("here"))
    assert orphans() == []
    assert renewed.age_seconds is not None
    assert 3600 <= renewed.age_seconds < 3700


def test_the_first_beat_has_no_age_and_the_next_one_is_young(people: object) -> None:
    assert beat(beat_of("here")).age_seconds is None
    age = beat(beat_of("here")).age_seconds
    assert age is not None
    assert 0 <= age < LEASE_SECONDS


def test_a_lease_from_the_future_does_not_hold_for_ever(alice: Principal) -> None:
    turn = send(alice)
    beat(beat_of("here"))
    # The database's clock was set back by an hour.
    let_pass("here", -3600)
    assert orphans() == [turn.turn_id]
    age = beat(beat_of("here")).age_seconds
    assert age is not None
    assert age < -3000
    assert orphans() == []


def test_who_asks_without_a_lease_of_its_own_finds_nothing(alice: Principal) -> None:
    turn = send(alice)
    for node in ("here", "asking"):
        beat(beat_of(node))
        # The database's clock has jumped since both beat.
        let_pass(node, 3600)
    assert orphaned_turns(LEASE_SECONDS, by="asking") == []
    beat(beat_of("asking"))
    assert orphaned_turns(LEASE_SECONDS, by="asking") == [turn.turn_id]


def test_a_beat_tells_which_turns_must_stop_and_which_are_lost(alice: Principal) -> None:
    running, stopped, ended, taken = (send(alice) for _ in range(4))
    Turn.objects.filter(pk=stopped.turn_id).update(
        interrupt_requested_at=Now(), interrupted_by=alice.user_id
    )
    finish(ended)
    Turn.objects.filter(pk=taken.turn_id).update(node="another")
    ids = [turn.turn_id for turn in (running, stopped, ended, taken)]
    answer = beat(beat_of("here", *ids))
    assert answer.stop == {stopped.turn_id: alice.user_id}
    assert answer.lost == {ended.turn_id, taken.turn_id}


def test_a_beat_says_how_a_process_stands(people: object) -> None:
    beat(beat_of("here"))
    beat(beat_of("here", UUID(int=1), draining=True))
    row = Node.objects.get()
    assert (row.name, row.role, row.draining, row.running_turns) == ("here", "all", True, 1)


def test_an_ended_process_leaves_no_row(alice: Principal) -> None:
    turn = send(alice)
    beat(beat_of("here"))
    release("here")
    assert not Node.objects.exists()
    assert orphans() == [turn.turn_id]


def test_who_is_alone_forgets_all_others(people: object) -> None:
    beat(beat_of("an earlier process"))
    beat(beat_of("here"))
    forget_others("here")
    assert [row.name for row in Node.objects.all()] == ["here"]


@pytest.mark.parametrize(("hours", "left"), [(23, ["dead", "new"]), (25, ["new"])])
def test_a_dead_process_is_listed_for_a_day(people: object, hours: float, left: list[str]) -> None:
    beat(beat_of("dead"))
    let_pass("dead", hours * 3600)
    beat(beat_of("new"))
    assert sorted(Node.objects.values_list("name", flat=True)) == left
