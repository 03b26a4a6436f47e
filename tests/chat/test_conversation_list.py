"""The sidebar's list, and searching in it."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.policy import NO_TEAM, Forbidden, NotVisible, Principal
from accounts.services.principals import principal_for_user
from chat.models import Conversation
from chat.queries import CursorInvalid, conversation_list
from tests.chat import trees
from tests.people import Cast


def titles(principal: Principal, query: str = "") -> list[str]:
    return [item.title for item in conversation_list(principal, query).items]


def test_the_newest_conversation_comes_first(people: Cast, bob: Principal) -> None:
    trees.conversations(people.team, people.alice, ["old", "middle", "new"])
    assert titles(bob) == ["new", "middle", "old"]


def test_pages_follow_each_other_without_gap_or_repetition(people: Cast, alice: Principal) -> None:
    rows = trees.conversations(people.team, people.alice, [str(n) for n in range(25)])
    # Equal moments must not lose or repeat a row either.
    Conversation.objects.filter(pk__in=[row.pk for row in rows[5:15]]).update(
        updated_at=rows[5].updated_at
    )
    seen, before, pages = [], None, 0
    while True:
        page = conversation_list(alice, before=before, limit=4)
        seen += [item.id for item in page.items]
        pages += 1
        if page.next is None:
            break
        before = page.next
    assert pages == 7
    assert len(seen) == 25
    assert set(seen) == {row.pk for row in rows}


def test_only_the_current_team_is_listed(
    people: Cast, alice: Principal, charlie: Principal
) -> None:
    trees.conversation(people.team, people.alice, "ours")
    trees.conversation(people.other_team, people.charlie, "theirs")
    assert titles(alice) == ["ours"]
    assert titles(charlie) == ["theirs"]
    personal = people.alice.memberships.get(team__personal=True).team
    assert titles(principal_for_user(people.alice, personal.pk)) == []


def test_deleted_ones_are_gone_and_archived_ones_are_marked(people: Cast, alice: Principal) -> None:
    gone, away = trees.conversations(people.team, people.alice, ["gone", "away"])
    Conversation.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    Conversation.objects.filter(pk=away.pk).update(archived_at=timezone.now())
    (item,) = conversation_list(alice).items
    assert (item.title, item.archived, item.pinned) == ("away", True, False)


def test_pinned_ones_stand_before_the_first_page_only(people: Cast, alice: Principal) -> None:
    rows = trees.conversations(people.team, people.alice, ["pinned", "b", "c", "d"])
    Conversation.objects.filter(pk=rows[0].pk).update(pinned_at=timezone.now())
    first = conversation_list(alice, limit=2)
    assert [item.title for item in first.items] == ["pinned", "d", "c"]
    second = conversation_list(alice, before=first.next, limit=2)
    assert [item.title for item in second.items] == ["b"]
    assert second.next is None
    assert titles(alice, "pinned") == ["pinned"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("duong pho", ["Đường phố Hà Nội"]),
        ("PHỐ đường", ["Đường phố Hà Nội"]),
        ("天气", ["中文"]),
        ("rails sparks", ["trams"]),
        ("rails missing", []),
        # A word of one message and a word of another are not one find.
        ("rails depot", []),
        ("trams rails", []),
        ("100%", ["percent"]),
        ("%", ["percent"]),
        ("_", []),
        ("\\", []),
        ("a' OR 1=1 --", []),
    ],
)
def test_all_words_occur_in_the_title_or_in_one_message(
    people: Cast, alice: Principal, query: str, found: list[str]
) -> None:
    trees.conversation(people.team, people.alice, "Đường phố Hà Nội")
    chinese = trees.conversation(people.team, people.alice, "中文")
    trees.say(chinese, "我想知道今天的天气怎么样")
    trams = trees.conversation(people.team, people.alice, "trams")
    question = trees.say(trams, "Why do Rails make SPARKS?")
    trees.answer(trams, question, "They stand in the depot.")
    percent = trees.conversation(people.team, people.alice, "percent")
    trees.say(percent, "Is it 100% sure?")
    foreign = trees.conversation(people.other_team, people.charlie, "Đường phố của Charlie")
    trees.say(foreign, "Rails and sparks, 100%, 天气")
    assert titles(alice, query) == found


def test_a_cursor_from_elsewhere_is_refused(people: Cast, alice: Principal) -> None:
    for cursor in ("x", "é", "AAAA", "MjAyNi0wMS0wMSB4", "=" * 7):
        with pytest.raises(CursorInvalid):
            conversation_list(alice, before=cursor)


def test_who_may_not_read_gets_no_list(people: Cast, alice: Principal) -> None:
    with pytest.raises(NotVisible):
        conversation_list(replace(alice, team_id=people.other_team.pk))
    with pytest.raises(NotVisible):
        conversation_list(replace(alice, team_id=NO_TEAM))
    with pytest.raises(Forbidden):
        conversation_list(replace(alice, capabilities=frozenset()))


def test_the_number_of_queries_does_not_grow_with_the_list(people: Cast, alice: Principal) -> None:
    trees.conversations(people.team, people.alice, [str(n) for n in range(40)])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        conversation_list(alice)
    assert len(queries) == 2
