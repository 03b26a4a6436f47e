"""The prompt is as much of the newest branch as the model's context and our limit allow."""

import pytest

from chat.services.prompts import branch_above, window
from tests.chat import trees
from tests.people import Cast

pytestmark = pytest.mark.django_db


def test_without_a_known_context_our_own_limit_counts() -> None:
    assert window(None, 2048, 262_144) == (262_144, 2048)


def test_a_small_context_is_shared_between_prompt_and_answer() -> None:
    assert window(4096, 2048, 262_144) == (4096, 2048)
    assert window(4096, 100_000, 262_144) == (4096, 2048)
    assert window(4096, 96, 262_144) == (8000, 96)


def test_a_large_context_leaves_our_own_limit(people: Cast) -> None:
    assert window(1_000_000, 2048, 262_144) == (262_144, 2048)


def test_the_oldest_messages_go_first_and_a_person_begins(people: Cast) -> None:
    talk = trees.conversation(people.team, people.alice, "Trams")
    first = trees.say(talk, "a" * 100)
    one = trees.answer(talk, first, "b" * 100).assistant_message
    second = trees.say(talk, "c" * 100, parent=one)
    two = trees.answer(talk, second, "d" * 100).assistant_message
    third = trees.say(talk, "e" * 100, parent=two)
    whole = [message.content[0] for message in branch_above(third.pk, 10_000)]
    assert whole == ["a", "b", "c", "d", "e"]
    # Room for four messages of 116 bytes: the one that would begin with an answer loses it.
    cut = [message.content[0] for message in branch_above(third.pk, 480)]
    assert cut == ["c", "d", "e"]


def test_the_question_stays_however_long_it_is(people: Cast) -> None:
    talk = trees.conversation(people.team, people.alice, "Trams")
    long = trees.say(talk, "a" * 1000)
    assert [m.content for m in branch_above(long.pk, 10)] == ["a" * 1000]
    assert branch_above(long.pk, 10, keep_last=False) == []
