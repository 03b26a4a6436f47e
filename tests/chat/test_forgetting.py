"""Answers to programs are kept for a while; then the text goes, and the figures stay."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import APIKey
from accounts.services.keys import create_api_key
from accounts.services.principals import principal_for_user
from chat.models import Conversation, Message, Turn
from chat.services.ending import stored_end
from chat.services.errors import AnswerForgotten, IdempotencyMismatch
from chat.services.forgetting import forget_answers
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, finish, send
from tests.chat.test_completions import ask, asked, program
from tests.people import Cast

KEPT_HOURS = 24


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "8")


@pytest.fixture
def key(people: Cast) -> APIKey:
    return create_api_key(people.bob, people.team, "a script").key


def grow_old(hours: float) -> None:
    then = timezone.now() - timedelta(hours=hours)
    Conversation.objects.update(updated_at=then)


def test_the_text_goes_and_the_figures_and_the_sum_stay(key: APIKey) -> None:
    finish(ask(program(key)))
    before = Turn.objects.get()
    assert Message.objects.get().content
    grow_old(KEPT_HOURS + 0.1)
    assert forget_answers() == 1
    assert forget_answers() == 0
    message, turn = Message.objects.get(), Turn.objects.get()
    assert (message.content, message.reasoning, message.search_text) == ("", "", "")
    assert message.extras is None
    figures = ("state", "cost_nano_usd", "prompt_tokens", "completion_tokens", "sha256")
    assert [getattr(turn, name) for name in figures] == [getattr(before, name) for name in figures]


def test_an_answer_is_kept_for_its_time(key: APIKey) -> None:
    turn = ask(program(key))
    finish(turn)
    grow_old(KEPT_HOURS - 0.1)
    assert forget_answers() == 0
    ended = stored_end(turn.turn_id)
    assert ended is not None
    assert ended.content


def test_what_is_still_written_is_not_forgotten(key: APIKey) -> None:
    ask(program(key))
    grow_old(KEPT_HOURS * 30)
    assert forget_answers() == 0


def test_batches_and_people_keep_their_answers(key: APIKey, people: Cast) -> None:
    finish(ask(program(key), source="batch"))
    finish(send(principal_for_user(people.bob, people.team.pk)))
    grow_old(KEPT_HOURS * 30)
    assert forget_answers() == 0
    assert not Message.objects.filter(role="assistant", content="").exists()


def test_who_asks_again_too_late_is_told_so(key: APIKey) -> None:
    wanted = asked()
    finish(ask(program(key), wanted))
    grow_old(KEPT_HOURS + 0.1)
    call_command("prunejournal")
    with pytest.raises(AnswerForgotten):
        ask(program(key), wanted)
    with pytest.raises(IdempotencyMismatch):
        ask(program(key), asked(client_id=wanted.client_id, payload_sha256="b" * 64))
    assert Turn.objects.count() == 1
