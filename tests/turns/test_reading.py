"""What the database tells of turns that run anywhere: where they are, their text, their end."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from accounts.policy import Forbidden, NotVisible, Principal
from chat.crossing import cross
from chat.models import Turn
from chat.queries.running import lately_in, read_turns, running_in, watchable
from chat.services import conversations
from chat.services.announcements import ConversationChange
from chat.services.interruption import place_to_interrupt, request_interrupt
from chat.turns.endings import ended_snapshot
from chat.turns.unwanted import Unwanted
from tests.chat.admitting import finish, send
from tests.chat.conftest import alice, announced, bob, charlie, dana, people
from tests.chat.test_admission import priced
from tests.turns.doubles import until
from tests.turns.test_recovery import journal

__all__ = ["alice", "announced", "bob", "charlie", "dana", "people", "priced"]


def test_who_may_read_learns_which_turns_run_and_where(
    alice: Principal, bob: Principal, charlie: Principal
) -> None:
    turn = send(alice)
    found = watchable(bob, turn.conversation_id)
    [running] = found.running
    assert (found.team_id, running.turn_id, running.node) == (turn.team_id, turn.turn_id, "here")
    assert (running.epoch, running.assistant_message_id) == (1, turn.assistant_message_id)
    with pytest.raises(NotVisible):
        watchable(charlie, turn.conversation_id)
    with pytest.raises(NotVisible):
        watchable(alice, uuid4())


def test_what_follows_a_chunk_is_read_in_order_then_the_end(alice: Principal) -> None:
    turn, other = send(alice), send(alice)
    journal(turn, "one ", "two ", "three")
    read = read_turns({turn.turn_id: 1, other.turn_id: 0, uuid4(): 0})
    assert set(read) == {turn.turn_id, other.turn_id}
    assert [chunk.content for chunk in read[turn.turn_id].chunks] == ["two ", "three"]
    assert [chunk.offset for chunk in read[turn.turn_id].chunks] == [4, 8]
    assert (read[other.turn_id].chunks, read[other.turn_id].ended) == ((), None)
    finish(turn, "one two three")
    ended = read_turns({turn.turn_id: 1})[turn.turn_id].ended
    assert ended is not None
    assert ended_snapshot(ended).content == "one two three"


def test_a_turn_that_ended_a_moment_ago_is_still_found(alice: Principal) -> None:
    turn, old = send(alice), send(alice)
    finish(turn)
    finish(old)
    Turn.objects.filter(pk=old.turn_id).update(ended_at=Now() - timedelta(minutes=1))
    in_both = [turn.conversation_id, old.conversation_id]
    assert running_in(in_both) == []
    assert [found.turn_id for found in lately_in(in_both)] == [turn.turn_id]


def test_where_to_stop_a_turn_is_told_to_who_may_stop_it(
    alice: Principal, dana: Principal, charlie: Principal
) -> None:
    turn = send(alice)
    with pytest.raises(Forbidden):
        place_to_interrupt(dana, turn.turn_id)
    with pytest.raises(NotVisible):
        place_to_interrupt(charlie, turn.turn_id)
    place = place_to_interrupt(alice, turn.turn_id)
    assert (place.node, place.running) == ("here", True)
    assert not Turn.objects.filter(interrupt_requested_at__isnull=False).exists()
    assert request_interrupt(alice, turn.turn_id) == place
    assert Turn.objects.filter(interrupt_requested_at__isnull=False).count() == 1
    finish(turn)
    assert not place_to_interrupt(alice, turn.turn_id).running


@pytest.mark.django_db(transaction=True)
def test_a_deletion_stops_the_turns_of_its_conversation_at_once(
    alice: Principal, announced: list[ConversationChange]
) -> None:
    turn, other = send(alice), send(alice)

    async def hear() -> list[object]:
        stopped: list[object] = []
        unwanted = Unwanted(lambda *stop: stopped.append(stop))
        unwanted.start()
        await cross(conversations.delete, alice, turn.conversation_id)
        await until(lambda: stopped)
        unwanted.close()
        await cross(conversations.delete, alice, other.conversation_id)
        await asyncio.sleep(0)
        return stopped

    assert asyncio.run(hear()) == [(turn.turn_id, alice.user_id)]
