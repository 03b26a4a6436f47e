"""Renaming, pinning, archiving, deleting conversations, and who is told."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import transaction

from accounts.policy import Forbidden, NotVisible, Principal
from chat.models import Conversation
from chat.queries import conversation_for, conversation_list
from chat.services import conversations
from chat.services.announcements import (
    Announcement,
    ConversationChange,
    announce,
    subscribe,
)
from chat.services.errors import ContentInvalid
from tests.chat import trees
from tests.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)

VERBS: dict[str, Callable[[Principal, UUID], object]] = {
    "rename": lambda who, id_: conversations.rename(who, id_, "Another title"),
    "pin": lambda who, id_: conversations.pin(who, id_, True),
    "archive": lambda who, id_: conversations.archive(who, id_, True),
    "delete": conversations.delete,
}


@pytest.fixture
def ours(people: Cast) -> Conversation:
    return trees.conversation(people.team, people.alice, "A title")


def told(announced: list[Announcement]) -> list[str]:
    return [item.change for item in announced if isinstance(item, ConversationChange)]


def test_a_member_renames(
    ours: Conversation, bob: Principal, announced: list[Announcement]
) -> None:
    conversations.rename(bob, ours.pk, "  Kế hoạch\n mới ")
    ours.refresh_from_db()
    assert ours.title == "Kế hoạch mới"
    assert [item.title for item in conversation_list(bob, "ke hoach").items] == ["Kế hoạch mới"]
    assert announced == [
        ConversationChange(ours.pk, ours.team_id, bob.user_id, "title", "Kế hoạch mới")
    ]


@pytest.mark.parametrize("title", ["", "  \n", "\x00\u200b", "x" * 201])
def test_a_title_that_cannot_be_shown_is_refused(
    ours: Conversation, alice: Principal, announced: list[Announcement], title: str
) -> None:
    with pytest.raises(ContentInvalid):
        conversations.rename(alice, ours.pk, title)
    ours.refresh_from_db()
    assert ours.title == "A title"
    assert announced == []


def test_pin_and_archive_are_told_once_and_taken_back(
    ours: Conversation, alice: Principal, announced: list[Announcement]
) -> None:
    for wanted in (True, True, False, False):
        conversations.pin(alice, ours.pk, wanted)
        conversations.archive(alice, ours.pk, wanted)
    assert told(announced) == ["pinned", "archived", "unpinned", "unarchived"]


def test_a_deleted_conversation_is_gone_until_it_is_restored(
    ours: Conversation, bob: Principal, announced: list[Announcement]
) -> None:
    question = trees.say(ours, "?")
    trees.answer(ours, question)
    running = trees.answer(ours, question, state="running")
    assert conversations.delete(bob, ours.pk) == (running.pk,)
    running.refresh_from_db()
    assert running.interrupt_requested_at is not None
    assert running.interrupted_by_id == bob.user_id
    with pytest.raises(NotVisible):
        conversation_for(bob, ours.pk)
    with pytest.raises(NotVisible):
        conversations.delete(bob, ours.pk)
    conversations.restore(bob, ours.pk)
    assert conversation_for(bob, ours.pk).pk == ours.pk
    with pytest.raises(NotVisible):
        conversations.restore(bob, ours.pk)
    assert told(announced) == ["deleted", "restored"]
    assert isinstance(announced[0], ConversationChange)
    assert announced[0].running_turns == (running.pk,)


@pytest.mark.parametrize("verb", VERBS)
def test_a_viewer_changes_nothing(
    ours: Conversation, dana: Principal, announced: list[Announcement], verb: str
) -> None:
    with pytest.raises(Forbidden):
        VERBS[verb](dana, ours.pk)
    assert announced == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_stranger_finds_nothing_to_change(
    ours: Conversation, charlie: Principal, announced: list[Announcement], verb: str
) -> None:
    with pytest.raises(NotVisible):
        VERBS[verb](charlie, ours.pk)
    assert announced == []


def test_a_viewer_and_a_stranger_cannot_restore(
    ours: Conversation, alice: Principal, dana: Principal, charlie: Principal
) -> None:
    conversations.delete(alice, ours.pk)
    with pytest.raises(Forbidden):
        conversations.restore(dana, ours.pk)
    with pytest.raises(NotVisible):
        conversations.restore(charlie, ours.pk)


def test_a_rollback_tells_nobody_and_a_failing_listener_hinders_nobody(
    announced: list[Announcement],
) -> None:
    def fail(announcement: Announcement) -> None:
        raise RuntimeError

    unsubscribe = subscribe(fail)
    later: list[Announcement] = []
    unsubscribe_later = subscribe(later.append)
    try:
        with transaction.atomic():
            announce(Announcement())
            transaction.set_rollback(True)
        assert later == []
        announce(Announcement())
        assert later == [Announcement()]
    finally:
        unsubscribe()
        unsubscribe_later()
