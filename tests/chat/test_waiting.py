"""Messages that wait for the answer before them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from accounts.policy import Forbidden, NotVisible, Principal
from accounts.roles import Role
from accounts.services import people as standing
from accounts.services import teams
from accounts.services.principals import principal_for_user
from billing.models import Budget
from chat.models import Message, Turn, WaitingMessage
from chat.queries.waiting import lines_of
from chat.services import conversations
from chat.services.advancing import NothingToSend, drop_unentitled, free_lines, send_next
from chat.services.announcements import Announcement, LeftLine, LineChange
from chat.services.errors import IdempotencyMismatch, LineFull, RateLimited
from chat.services.intents import Admitted, Intent, Models
from chat.services.waiting import InLine, send, withdraw
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, finish, wish
from tests.chat.admitting import send as begin
from tests.people import Cast

MODELS = Models(MODEL)
OnCommit = Callable[..., AbstractContextManager[object]]


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "8")


def ask(who: Principal, intent: Intent | None = None, **fields: Any) -> Admitted | InLine:
    return send(who, intent or wish(**fields), models=MODELS, node="here")


def line_up(who: Principal, turn: Admitted, content: str = "Next", **fields: Any) -> InLine:
    """Send a message below an answer that is being written."""
    found = {"conversation_id": turn.conversation_id, "parent_id": turn.assistant_message_id}
    waiting = ask(who, content=content, **(found | fields))
    assert isinstance(waiting, InLine)
    return waiting


def advance(turn: Admitted, models: Models = MODELS) -> Admitted:
    return send_next(turn.conversation_id, models=models, node="there")


def question_of(turn: Admitted) -> Message:
    return Message.objects.get(answering_turns=turn.turn_id)


def refusals_in(turn: Admitted) -> dict[str, str | None]:
    """What is left in the line, with the code of its refusal."""
    line = lines_of([turn.conversation_id])[turn.conversation_id]
    return {each.content: each.refused.code if each.refused else None for each in line}


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


def test_a_refused_message_stays_for_its_person_and_the_others_go_past_it(
    alice: Principal,
    bob: Principal,
    announced: list[Announcement],
    django_capture_on_commit_callbacks: OnCommit,
) -> None:
    first = begin(alice)
    intent = wish(
        "With a forbidden model",
        conversation_id=first.conversation_id,
        model="secret",
        asked_model="secret",
    )
    refused = ask(bob, intent)
    assert isinstance(refused, InLine)
    line_up(alice, first, "After it")
    finish(first)
    with django_capture_on_commit_callbacks(execute=True):
        admitted = advance(first, Models(MODEL, forbidden=frozenset({"secret"})))
    assert admitted.requester_id == alice.user_id
    left = [each for each in announced if isinstance(each, LeftLine)]
    assert [(each.person_id, each.admitted) for each in left] == [(alice.user_id, admitted)]
    assert refusals_in(first) == {"With a forbidden model": "model_not_allowed"}
    # It is neither tried again nor in anybody's way; sent again it is the same message.
    finish(admitted)
    assert free_lines() == []
    with pytest.raises(NothingToSend):
        advance(first)
    again = ask(bob, intent)
    assert isinstance(again, InLine)
    assert again.client_id == refused.client_id
    assert isinstance(ask(alice, conversation_id=first.conversation_id), Admitted)
    withdraw(bob, refused.client_id)
    assert not WaitingMessage.objects.exists()


def test_a_message_that_a_limit_refuses_is_sent_later_and_the_others_go_past_it(
    alice: Principal, bob: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begin(alice)
    held = line_up(bob, first, "Held")
    line_up(bob, first, "After the held one")
    line_up(alice, first, "Past it")
    finish(first)
    limit = {"raising": True}

    def refuse_bob(principal: Principal, *_args: Any, **_fields: Any) -> None:
        if limit["raising"] and principal.user_id == bob.user_id:
            raise RateLimited("Too many.", retry_after_seconds=30)

    monkeypatch.setattr("chat.services.admission.check_turn_limits", refuse_bob)
    second = advance(first)
    assert question_of(second).content == "Past it", "nobody goes past what is one's own"
    finish(second)
    assert free_lines() == []
    # Others are not made to wait for him, but he does not go past himself.
    third = ask(alice, conversation_id=first.conversation_id)
    assert isinstance(third, Admitted)
    finish(third)
    assert isinstance(ask(bob, conversation_id=first.conversation_id), InLine)
    limit["raising"] = False
    WaitingMessage.objects.update(not_before=timezone.now())
    assert free_lines() == [first.conversation_id]
    admitted = advance(first)
    assert question_of(admitted).content == "Held"
    assert Turn.objects.get(pk=admitted.turn_id).client_id == held.client_id


def test_the_budget_of_the_moment_decides(alice: Principal, people: Cast) -> None:
    first = begin(alice)
    line_up(alice, first, "Too late")
    finish(first)
    Budget.objects.filter(team=people.team).update(granted_nano_usd=0)
    with pytest.raises(NothingToSend):
        advance(first)
    assert refusals_in(first) == {"Too late": "budget_exhausted"}


def test_lost_rights_and_a_deleted_conversation_drop_what_waits(
    alice: Principal, bob: Principal, people: Cast, announced: list[Announcement]
) -> None:
    first, other = begin(alice), begin(alice)
    line_up(bob, first)
    line_up(alice, other)
    assert drop_unentitled(bob.user_id) == 0
    teams.change_role(people.team, people.bob, Role.VIEWER)
    assert drop_unentitled(bob.user_id) == 1
    assert refusals_in(first) == {"Next": "forbidden"}, "he may read it still"
    teams.change_role(people.team, people.bob, Role.MEMBER)
    line_up(principal_for_user(people.bob, people.team.pk), first, "Another")
    teams.remove_member(people.team, people.bob)
    assert drop_unentitled(bob.user_id) == 2
    assert refusals_in(first) == {}
    conversations.delete(alice, other.conversation_id)
    assert not WaitingMessage.objects.filter(conversation=other.conversation_id).exists()


def test_a_disabled_person_is_not_sent_for(alice: Principal, bob: Principal, people: Cast) -> None:
    first = begin(alice)
    line_up(bob, first)
    finish(first)
    standing.disable_person(people.bob)
    with pytest.raises(NothingToSend):
        advance(first)
    assert Turn.objects.count() == 1


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
