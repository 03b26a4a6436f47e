"""Opening conversations page by page along one path."""

from time import perf_counter
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.policy import Forbidden, NotVisible, Principal
from accounts.roles import Capability
from chat.models import Conversation, Message
from chat.queries import conversation_for, message_page
from chat.queries.messages import MAX_PAGE_CHARACTERS
from tests.chat import trees
from tests.people import Cast


@pytest.fixture
def where(people: Cast) -> Conversation:
    return trees.conversation(people.team, people.alice, "A tree")


def contents(where: Conversation, leaf: Message | None = None) -> list[str]:
    page = message_page(where, leaf=None if leaf is None else leaf.pk)
    return [item.content for item in page.items]


def test_an_empty_conversation_is_an_empty_page(where: Conversation) -> None:
    page = message_page(where)
    assert (page.items, page.has_more, page.leaf) == ((), False, None)


def test_a_long_conversation_opens_at_its_end_and_pages_to_its_root(
    people: Cast, where: Conversation
) -> None:
    where, ids = trees.long_conversation(people.team, people.alice, 130)
    page = message_page(where, limit=50)
    read = [item.id for item in page.items]
    assert read == ids[80:]
    assert page.has_more
    while page.has_more:
        page = message_page(where, leaf=ids[-1], before=read[0], limit=50)
        read = [item.id for item in page.items] + read
    assert read == ids
    assert page.leaf == ids[-1]


def test_nothing_stands_above_the_root(where: Conversation) -> None:
    root = trees.say(where, "root")
    page = message_page(where, before=root.pk)
    assert (page.items, page.has_more, page.leaf) == ((), False, root.pk)


def test_any_message_leads_to_the_newest_leaf_below_it(where: Conversation) -> None:
    root = trees.say(where, "root")
    left = trees.say(where, "left", parent=root, role="assistant")
    trees.say(where, "left old", parent=left)
    right = trees.say(where, "right", parent=root, role="assistant")
    left_new = trees.say(where, "left new", parent=left)
    assert contents(where) == ["root", "right"]
    assert contents(where, left) == ["root", "left", "left new"]
    assert contents(where, right) == ["root", "right"]
    where.leaf = left_new
    assert contents(where) == ["root", "left", "left new"]
    assert contents(where, root) == ["root", "right"]


def test_siblings_come_in_the_order_they_were_written(where: Conversation) -> None:
    first = trees.say(where, "first root")
    second = trees.say(where, "second root")
    answers = [trees.answer(where, second, str(n)).assistant_message for n in range(3)]
    other = trees.conversation(where.team, where.owner)
    trees.say(other, "a root elsewhere")
    page = message_page(where, leaf=answers[1].pk)
    root, middle = page.items
    assert root.siblings == (first.pk, second.pk)
    assert middle.siblings == tuple(answer.pk for answer in answers)
    assert middle.id == answers[1].pk


def test_a_message_of_another_conversation_is_not_found(people: Cast, where: Conversation) -> None:
    mine = trees.say(where, "mine")
    foreign = trees.say(trees.conversation(people.other_team, people.charlie), "foreign")
    for absent in (foreign.pk, uuid4()):
        with pytest.raises(NotVisible):
            message_page(where, leaf=absent)
        with pytest.raises(NotVisible):
            message_page(where, leaf=mine.pk, before=absent)


def test_an_ended_turn_shows_its_end_and_a_running_one_only_its_hold(where: Conversation) -> None:
    question = trees.say(where, "?")
    trees.answer(
        where,
        question,
        state="failed",
        prompt_tokens=3,
        completion_tokens=21,
        cost_nano_usd=99,
        quality="estimated",
        error_code="relay_truncated",
        error_message="The relay's answer was cut off.",
        ttft_ms=100,
        total_ms=1100,
        sha256="f" * 64,
    )
    ended = message_page(where).items[-1].turn
    assert ended is not None
    assert ended.error is not None
    assert ended.usage is not None
    assert ended.stats is not None
    assert ended.error.code == "relay_truncated"
    assert ended.usage.total_tokens == 24
    assert ended.stats.tokens_per_second == 21.0
    assert (ended.cost_nano_usd, ended.quality) == (99, "estimated")
    trees.answer(where, question, state="running", content="")
    running = message_page(where).items[-1].turn
    assert running is not None
    assert (running.state, running.hold_nano_usd) == ("running", 1000)
    assert (running.usage, running.cost_nano_usd, running.stats) == (None, None, None)


def test_a_page_of_very_long_messages_ends_early(where: Conversation) -> None:
    parent = None
    for _ in range(5):
        parent = trees.say(where, "x" * (MAX_PAGE_CHARACTERS // 2), parent=parent)
    page = message_page(where)
    assert len(page.items) == 2
    assert page.has_more


def test_5000_messages_open_in_well_under_a_second(people: Cast) -> None:
    where, ids = trees.long_conversation(people.team, people.alice, 5000)
    with CaptureQueriesContext(connection) as queries:
        start = perf_counter()
        page = message_page(where)
        newest_ms = (perf_counter() - start) * 1000
    assert [item.id for item in page.items] == ids[-50:]
    assert len(queries) <= 4
    start = perf_counter()
    page = message_page(where, leaf=ids[0], before=ids[100])
    from_root_ms = (perf_counter() - start) * 1000
    assert [item.id for item in page.items] == ids[50:100]
    assert page.leaf == ids[-1]
    assert newest_ms < 250
    assert from_root_ms < 500
    print(f"newest page {newest_ms:.1f} ms, through the whole path {from_root_ms:.1f} ms")


def test_a_conversation_is_found_only_through_ones_team(
    people: Cast, alice: Principal, dana: Principal, charlie: Principal
) -> None:
    ours = trees.conversation(people.team, people.alice)
    assert conversation_for(alice, ours.pk, Capability.EDIT_CONVERSATION).pk == ours.pk
    assert conversation_for(dana, ours.pk).pk == ours.pk
    with pytest.raises(Forbidden):
        conversation_for(dana, ours.pk, Capability.EDIT_CONVERSATION)
    with pytest.raises(NotVisible):
        conversation_for(charlie, ours.pk)
    with pytest.raises(NotVisible):
        conversation_for(alice, uuid4())
