"""A turn that is stored as running in a living process, and does not run there, is settled."""

from uuid import UUID

import pytest

from accounts.policy import Principal
from chat.services.leases import BeatOf, beat
from chat.turns.orphans import Strays
from tests.chat.admitting import finish, send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced

__all__ = ["alice", "people", "priced"]

ONE, TWO = UUID(int=1), UUID(int=2)


def test_a_stray_is_settled_once_it_has_been_one_for_long_enough() -> None:
    strays = Strays(10)
    assert strays.note({ONE}, now=0) == []
    assert strays.note({ONE, TWO}, now=9) == []
    assert strays.note({ONE, TWO}, now=10) == [ONE]


def test_a_turn_that_was_being_admitted_is_no_stray_later() -> None:
    strays = Strays(10)
    strays.note({ONE}, now=0)
    strays.note(set(), now=2)
    assert strays.note({ONE}, now=11) == []


@pytest.mark.usefixtures("priced")
def test_a_beat_tells_what_is_stored_here_and_does_not_run_here(alice: Principal) -> None:
    runs, stray, ended = send(alice), send(alice), send(alice)
    finish(ended)
    answer = beat(BeatOf("here", "all", False, (runs.turn_id,)))
    assert (answer.stray, answer.lost) == (frozenset({stray.turn_id}), frozenset())
    elsewhere = beat(BeatOf("another", "all", False, ()))
    assert elsewhere.stray == frozenset()
