"""Waiting messages that are refused when it is their turn, for good or for a while."""

from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.policy import Principal
from accounts.roles import Role
from accounts.services import people as standing
from accounts.services import teams
from accounts.services.principals import principal_for_user
from billing.models import Budget
from chat.models import Turn, WaitingMessage
from chat.queries.waiting import lines_of
from chat.services import conversations
from chat.services.advancing import NothingToSend, drop_unentitled, free_lines
from chat.services.announcements import Announcement, LeftLine
from chat.services.errors import RateLimited
from chat.services.intents import Admitted, Models
from chat.services.waiting import InLine, withdraw
from tests.chat.admitting import MODEL, finish, wish
from tests.chat.admitting import send as begin
from tests.chat.lining_up import OnCommit, advance, ask, line_up, question_of
from tests.people import Cast

pytestmark = pytest.mark.usefixtures("priced")


def refusals_in(turn: Admitted) -> dict[str, str | None]:
    """What is left in the line, with the code of its refusal."""
    line = lines_of([turn.conversation_id])[turn.conversation_id]
    return {each.content: each.refused.code if each.refused else None for each in line}


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
    WaitingMessage.objects.update(not_before=Now())
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
