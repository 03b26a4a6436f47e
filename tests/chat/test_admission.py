"""Admitting a turn: once for one id, only with today's rights, with its worst cost held."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership
from accounts.policy import Forbidden, NotVisible, Principal
from accounts.services.principals import principal_for_user
from billing.budgets import budget_of
from chat.models import Message, Turn
from chat.services.conversations import delete
from chat.services.errors import (
    BudgetTooSmall,
    ContentInvalid,
    IdempotencyMismatch,
    ModelNotAllowed,
    TooManyTurns,
)
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, finish, send, wish
from tests.people import Cast


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "8")


def test_a_send_stores_both_messages_and_holds_the_worst_cost(
    alice: Principal, people: Cast
) -> None:
    turn = send(alice)
    assert (turn.created, turn.title, turn.model) == (True, "Hello", MODEL)
    roles = Message.objects.order_by("number").values_list("role", flat=True)
    assert list(roles) == ["user", "assistant"]
    assert budget_of(people.team.pk).held_nano_usd == turn.hold_nano_usd > 0
    finish(turn)
    budget = budget_of(people.team.pk)
    assert budget.held_nano_usd == 0
    assert 0 < budget.spent_nano_usd < turn.hold_nano_usd


def test_a_new_conversation_takes_no_more_statements_than_the_documents_say(
    alice: Principal,
) -> None:
    finish(send(alice))
    with CaptureQueriesContext(connection) as statements:
        send(alice)
    # What `docs/performance.md` names.
    assert len(statements) <= 21, [each["sql"] for each in statements]


def test_the_same_send_again_is_the_same_turn(alice: Principal, people: Cast) -> None:
    intent = wish()
    first, again = send(alice, intent), send(alice, intent)
    assert (again.turn_id, again.created) == (first.turn_id, False)
    assert budget_of(people.team.pk).held_nano_usd == first.hold_nano_usd
    with pytest.raises(IdempotencyMismatch):
        send(alice, replace(intent, content="Something else"))


def test_another_persons_id_is_her_own(alice: Principal, bob: Principal) -> None:
    intent = wish()
    assert send(alice, intent).turn_id != send(bob, intent).turn_id


def test_a_send_again_gives_nothing_to_a_person_who_left_the_team(
    bob: Principal, people: Cast
) -> None:
    intent = wish()
    send(bob, intent)
    Membership.objects.filter(user=people.bob, team=people.team).delete()
    with pytest.raises(NotVisible):
        send(principal_for_user(people.bob), intent)


def test_a_send_again_gives_nothing_of_a_deleted_conversation(alice: Principal) -> None:
    intent = wish()
    delete(alice, send(alice, intent).conversation_id)
    with pytest.raises(NotVisible):
        send(alice, intent)


def test_a_viewer_and_a_stranger_may_not_send(
    alice: Principal, dana: Principal, charlie: Principal
) -> None:
    turn = send(alice)
    finish(turn)
    for who, refusal in ((dana, Forbidden), (charlie, NotVisible)):
        for intent in (
            wish(conversation_id=turn.conversation_id),
            wish(kind="edit", target_id=turn.user_message_id),
            wish(kind="regenerate", target_id=turn.assistant_message_id, content=""),
            wish(kind="continue", target_id=turn.assistant_message_id, content=""),
        ):
            with pytest.raises(refusal):
                send(who, intent)
    assert Turn.objects.count() == 1


def test_a_parent_of_another_conversation_is_not_found(alice: Principal) -> None:
    one, other = send(alice), send(alice)
    finish(one)
    finish(other)
    for conversation_id in (one.conversation_id, None):
        with pytest.raises(NotVisible):
            send(
                alice,
                conversation_id=conversation_id,
                parent_id=other.assistant_message_id,
            )


def test_only_the_right_kind_of_message_is_edited_or_answered_again(alice: Principal) -> None:
    turn = send(alice)
    finish(turn)
    for kind, target in (
        ("edit", turn.assistant_message_id),
        ("regenerate", turn.user_message_id),
        ("continue", turn.user_message_id),
        ("continue", turn.assistant_message_id),
    ):
        with pytest.raises(ContentInvalid):
            send(alice, kind=kind, target_id=target)


def test_a_running_answer_is_neither_answered_nor_continued(alice: Principal) -> None:
    turn = send(alice)
    with pytest.raises(TooManyTurns):
        send(alice, conversation_id=turn.conversation_id)
    with pytest.raises(TooManyTurns):
        send(alice, kind="continue", target_id=turn.assistant_message_id)


def test_a_person_has_so_many_turns_at_a_time(alice: Principal, settings: Any) -> None:
    settings.TURNS = replace(settings.TURNS, max_turns_per_person=2)
    first = send(alice)
    send(alice)
    with pytest.raises(TooManyTurns):
        send(alice)
    finish(first)
    assert send(alice).created


def test_a_refusal_stores_and_holds_nothing(alice: Principal, people: Cast) -> None:
    set_prices("dear", "10000")
    for refusal, fields in (
        (BudgetTooSmall, {"model": "dear", "content": "x" * 500}),
        (ModelNotAllowed, {"model": "without-a-price"}),
        (ContentInvalid, {"content": " \n"}),
        (ContentInvalid, {"content": "a\0b"}),
        (ContentInvalid, {"content": "x" * 200_001}),
    ):
        with pytest.raises(refusal):
            send(alice, wish(**fields))
    assert (Turn.objects.count(), Message.objects.count()) == (0, 0)
    assert budget_of(people.team.pk).held_nano_usd == 0


def test_the_prompt_is_the_branch_within_the_window(alice: Principal, settings: Any) -> None:
    first = send(alice, content="First")
    assert [(m.role, m.content) for m in first.prompt] == [("user", "First")]
    finish(first, "One")
    second = send(alice, content="Second", conversation_id=first.conversation_id, system="Be brief")
    assert [m.content for m in second.prompt] == ["Be brief", "First", "One", "Second"]
    finish(second, "x" * 900)
    # Each message counts 16 bytes more than its text; a branch that is cut begins with a person.
    settings.TURNS = replace(settings.TURNS, max_prompt_bytes=1024)
    third = send(alice, content="Third", conversation_id=first.conversation_id)
    assert [m.content for m in third.prompt] == ["First", "One", "Second", "x" * 900, "Third"]
    settings.TURNS = replace(settings.TURNS, max_prompt_bytes=930)
    other = send(alice, kind="edit", target_id=third.user_message_id, content="Third again")
    assert [m.content for m in other.prompt] == ["Third again"]


def test_a_cut_answer_is_continued_with_its_text_as_prefix(alice: Principal) -> None:
    cut = send(alice, content="Tell")
    finish(cut, "It was", state="interrupted", finish_reason="")
    more = send(alice, kind="continue", target_id=cut.assistant_message_id, content="")
    assert more.prefix == "It was"
    assert [m.content for m in more.prompt][:2] == ["Tell", "It was"]
    assert more.user_message_id == cut.user_message_id
