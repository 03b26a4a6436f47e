"""Recovery ends what a dead process left: all journaled text, an estimate, once."""

from uuid import uuid4

import pytest

from accounts.policy import Principal
from billing.budgets import budget_of
from chat.models import Handover, JournalChunk
from chat.services.ending import stored_end
from chat.services.intents import Admitted
from chat.services.recovery import recover_turn
from tests.chat.admitting import finish, send
from tests.chat.conftest import alice, bob, people
from tests.chat.test_admission import priced
from tests.people import Cast

__all__ = ["alice", "bob", "people", "priced"]


def journal(turn: Admitted, *texts: str, reasoning: str = "") -> None:
    offset = 0
    for number, text in enumerate(texts, start=1):
        JournalChunk.objects.create(
            turn_id=turn.turn_id,
            epoch=turn.epoch,
            seq=number,
            offset=offset,
            content=text,
            reasoning=reasoning,
        )
        offset += len(text)


def test_the_journaled_text_is_kept_and_estimated(alice: Principal, people: Cast) -> None:
    turn = send(alice)
    journal(turn, "It was ", "a dark night")
    ended = recover_turn(turn.turn_id)
    assert ended is not None
    assert (ended.state, ended.quality, ended.epoch) == ("orphaned", "estimated", 2)
    assert ended.content == "It was a dark night"
    assert (ended.error_code, ended.cost_nano_usd > 0) == ("restarting", True)
    assert budget_of(people.team.pk).held_nano_usd == 0
    assert not JournalChunk.objects.exists()


def test_the_old_owner_writes_nowhere_any_more(alice: Principal, people: Cast) -> None:
    turn = send(alice)
    recover_turn(turn.turn_id)
    spent = budget_of(people.team.pk).spent_nano_usd
    finish(turn, "a zombie's text")
    ended = stored_end(turn.turn_id)
    assert ended is not None
    assert (ended.content, ended.state) == ("", "orphaned")
    assert budget_of(people.team.pk).spent_nano_usd == spent


def test_a_turn_that_ended_is_not_recovered(alice: Principal) -> None:
    turn = send(alice)
    finish(turn)
    assert recover_turn(turn.turn_id) is None


def test_a_continued_answer_does_not_pay_for_its_prefix_again(alice: Principal) -> None:
    cut = send(alice, content="Tell")
    finish(cut, "It was ", state="interrupted", finish_reason="")
    untouched = send(alice, kind="continue", target_id=cut.assistant_message_id, content="")
    begun = send(alice, kind="continue", target_id=cut.assistant_message_id, content="")
    journal(begun, "It was ", "night")
    without, with_text = recover_turn(untouched.turn_id), recover_turn(begun.turn_id)
    assert without is not None
    assert with_text is not None
    assert (without.content, without.completion_tokens) == ("It was ", 0)
    assert (with_text.content, with_text.completion_tokens) == ("It was night", 1)
    # The relay was sent the cut answer and the request to go on.
    assert with_text.prompt_tokens > 20


def test_recovering_twice_settles_once(alice: Principal, people: Cast) -> None:
    turn = send(alice)
    journal(turn, "text")
    first = recover_turn(turn.turn_id)
    assert recover_turn(turn.turn_id) is None
    assert first == stored_end(turn.turn_id, by_this_call=True)


@pytest.mark.parametrize("reasoning", ["", "thinking"])
def test_reasoning_is_recovered_and_counted(alice: Principal, reasoning: str) -> None:
    turn = send(alice)
    journal(turn, "night", reasoning=reasoning)
    ended = recover_turn(turn.turn_id)
    assert ended is not None
    assert ended.reasoning == reasoning
    assert ended.completion_tokens == (2 if reasoning else 1)


def test_a_chunk_that_is_missing_ends_the_text_before_it(alice: Principal) -> None:
    turn = send(alice)
    journal(turn, "It ", "was ", "a ", "dark")
    JournalChunk.objects.filter(seq=3).delete()
    ended = recover_turn(turn.turn_id)
    assert ended is not None
    assert ended.content == "It was "


def test_a_turn_that_was_never_begun_costs_nothing(alice: Principal, people: Cast) -> None:
    turn = send(alice)
    Handover.objects.create(turn_id=turn.turn_id, node="here", admitted=b"{}")
    ended = recover_turn(turn.turn_id)
    assert ended is not None
    assert (ended.state, ended.cost_nano_usd, ended.prompt_tokens) == ("orphaned", 0, 0)
    assert "Nothing was charged" in ended.error_message
    budget = budget_of(people.team.pk)
    assert (budget.held_nano_usd, budget.spent_nano_usd) == (0, 0)
    assert not Handover.objects.exists()


def test_a_turn_that_is_gone_is_nothing_to_recover(db: None) -> None:
    assert recover_turn(uuid4()) is None
