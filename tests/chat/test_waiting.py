"""Messages that wait for the answer before them."""

from dataclasses import replace
from typing import Any

import pytest

from accounts.policy import Forbidden, NotVisible, Principal
from chat.models import Turn, WaitingMessage
from chat.queries.waiting import lines_of
from chat.services.advancing import NothingToSend, free_lines
from chat.services.announcements import Announcement, LineChange
from chat.services.errors import IdempotencyMismatch, LineFull
from chat.services.intents import Admitted
from chat.services.waiting import InLine, withdraw
from tests.chat.admitting import finish, wish
from tests.chat.admitting import send as begin
from tests.chat.lining_up import OnCommit, advance, ask, line_up, question_of

pytestmark = pytest.mark.usefixtures("priced")


def test_a_message_below_a_running_answer_waits_and_is_sent_when_it_has_ended(
    alice: Principal, bob: Principal
) -> None:
    first = begin(alice, content="One")
    assert line_up(bob, first, "Two").position == 1
    assert line_up(alice, first, "Three").position == 2
    with pytest.raises(NothingToSend):
        advance(first)
    finish(first)
    second = advance(first)
    assert (second.requester_id, second.created) == (bob.user_id, True)
    assert [each.content for each in second.prompt] == ["One", "An answer.", "Two"]
    with pytest.raises(NothingToSend):
        advance(first)
    finish(second)
    third = advance(first)
    question = question_of(third)
    assert (question.content, question.author_id) == ("Three", alice.user_id)
    assert question.parent_id == second.assistant_message_id
    assert not WaitingMessage.objects.exists()


def test_two_people_who_send_at_once_come_one_after_the_other(
    alice: Principal, bob: Principal
) -> None:
    first = begin(alice)
    finish(first)
    place: dict[str, Any] = {
        "conversation_id": first.conversation_id,
        "parent_id": first.assistant_message_id,
    }
    alices = ask(alice, **place)
    assert isinstance(alices, Admitted)
    assert isinstance(ask(bob, **place), InLine)
    finish(alices)
    bobs = advance(first)
    question = question_of(bobs)
    assert question.parent_id == alices.assistant_message_id


def test_a_person_may_begin_another_branch_while_her_answer_is_written(alice: Principal) -> None:
    first = begin(alice)
    finish(first)
    place: dict[str, Any] = {
        "conversation_id": first.conversation_id,
        "parent_id": first.assistant_message_id,
    }
    assert isinstance(ask(alice, **place), Admitted)
    assert isinstance(ask(alice, **place), Admitted)


def test_without_a_parent_a_message_waits_for_the_end_of_the_conversation(
    alice: Principal, bob: Principal
) -> None:
    first = begin(alice)
    assert isinstance(ask(bob, conversation_id=first.conversation_id), InLine)
    finish(first)
    # Nobody goes past those who wait, though nothing is being written now.
    assert isinstance(ask(alice, conversation_id=first.conversation_id), InLine)
    assert advance(first).requester_id == bob.user_id


def test_a_message_goes_on_in_the_branch_it_was_written_in(
    alice: Principal, bob: Principal
) -> None:
    first = begin(alice, content="One")
    finish(first)
    edited = begin(alice, content="Another", kind="edit", target_id=first.user_message_id)
    finish(edited)
    running = begin(
        alice, conversation_id=first.conversation_id, parent_id=first.assistant_message_id
    )
    line_up(bob, running, "Here")
    finish(begin(alice, kind="edit", content="Third", target_id=first.user_message_id))
    finish(running)
    question = question_of(advance(first))
    assert question.parent_id == running.assistant_message_id


def test_the_same_send_waits_once_becomes_one_turn_and_is_the_same_turn_afterwards(
    alice: Principal, bob: Principal
) -> None:
    first = begin(alice)
    intent = wish("Once", conversation_id=first.conversation_id)
    assert ask(bob, intent) == ask(bob, intent)
    assert WaitingMessage.objects.count() == 1
    with pytest.raises(IdempotencyMismatch):
        ask(bob, replace(intent, content="Twice"))
    finish(first)
    assert isinstance(ask(bob, intent), InLine), "it is not sent past the line"
    admitted = advance(first)
    again = ask(bob, intent)
    assert isinstance(again, Admitted)
    assert (again.turn_id, again.created) == (admitted.turn_id, False)
    assert Turn.objects.filter(client_id=intent.client_id).count() == 1


def test_a_message_is_withdrawn_by_its_person_alone_and_only_while_it_waits(
    alice: Principal, bob: Principal
) -> None:
    first = begin(alice)
    mine = line_up(alice, first)
    with pytest.raises(NotVisible):
        withdraw(bob, mine.client_id)
    withdraw(alice, mine.client_id)
    with pytest.raises(NotVisible):
        withdraw(alice, mine.client_id)
    late = line_up(alice, first)
    finish(first)
    advance(first)
    with pytest.raises(NotVisible):
        withdraw(alice, late.client_id)


def test_only_so_many_messages_wait_in_a_conversation_and_of_a_person(
    alice: Principal, bob: Principal, settings: Any
) -> None:
    settings.TURNS = replace(
        settings.TURNS, max_waiting_messages=2, max_waiting_messages_per_person=1
    )
    first, other = begin(alice), begin(alice)
    line_up(alice, first)
    with pytest.raises(LineFull, match="of yours"):
        line_up(alice, other)
    line_up(bob, first)
    with pytest.raises(LineFull, match="in this conversation"):
        line_up(bob, first)
    assert WaitingMessage.objects.count() == 2


def test_who_may_only_read_or_see_nothing_cannot_wait(
    alice: Principal, dana: Principal, charlie: Principal
) -> None:
    first = begin(alice)
    for who, refusal in ((dana, Forbidden), (charlie, NotVisible)):
        with pytest.raises(refusal):
            line_up(who, first)


def test_lines_that_nobody_moves_on_are_found(alice: Principal, bob: Principal) -> None:
    first = begin(alice)
    line_up(bob, first)
    assert free_lines() == []
    finish(first)
    assert free_lines() == [first.conversation_id]
    advance(first)
    assert free_lines() == []


def test_everybody_reads_the_same_line(
    alice: Principal,
    bob: Principal,
    announced: list[Announcement],
    django_capture_on_commit_callbacks: OnCommit,
) -> None:
    first, other = begin(alice), begin(alice)
    with django_capture_on_commit_callbacks(execute=True):
        ids = [line_up(who, first, text).client_id for who, text in ((bob, "B"), (alice, "A"))]
    lines = lines_of([first.conversation_id, other.conversation_id])
    assert lines[other.conversation_id] == ()
    assert [each.id for each in lines[first.conversation_id]] == ids
    assert [each.content for each in lines[first.conversation_id]] == ["B", "A"]
    changes = [each for each in announced if isinstance(each, LineChange)]
    assert changes == [LineChange(first.conversation_id)] * 2
