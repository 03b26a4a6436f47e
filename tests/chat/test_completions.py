"""Admitting what a program asks: held, limited and paid as a person's turn, and kept from lists."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import APIKey, Membership
from accounts.policy import Forbidden, NotVisible, Principal
from accounts.roles import Capability
from accounts.services.keys import create_api_key, revoke_api_key
from accounts.services.principals import principal_for_key_id
from billing.api_keys import KeyBudget, KeyWish, make_key
from billing.budgets import budget_of
from billing.models import Period
from chat.models import Conversation, Turn, TurnRequest
from chat.queries.conversations import conversation_for, conversation_list
from chat.services.completions import start_completion
from chat.services.ending import stored_end
from chat.services.errors import (
    BudgetTooSmall,
    ContentInvalid,
    IdempotencyMismatch,
    ModelBeyondKey,
    TooManyTurns,
)
from chat.services.intents import Admitted, Completion, Models, PromptMessage
from chat.services.interruption import turns_to_stop
from chat.services.recovery import recover_turn
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, finish, send
from tests.people import Cast


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "8")


@pytest.fixture
def key(people: Cast) -> APIKey:
    return create_api_key(people.bob, people.team, "a script").key


def program(key: APIKey) -> Principal:
    principal = principal_for_key_id(key.pk)
    assert principal is not None
    return principal


def asked(**fields: Any) -> Completion:
    values: dict[str, Any] = {
        "client_id": uuid4(),
        "model": MODEL,
        "asked_model": MODEL,
        "prompt": (PromptMessage("user", "Hello"),),
        "payload_sha256": "a" * 64,
    }
    return Completion(**(values | fields))


def ask(who: Principal, completion: Completion | None = None, **fields: Any) -> Admitted:
    return start_completion(who, completion or asked(**fields), models=Models(MODEL), node="here")


def test_it_is_held_and_settled_like_any_turn(key: APIKey, people: Cast) -> None:
    turn = ask(program(key))
    assert budget_of(people.team.pk).held_nano_usd == turn.hold_nano_usd > 0
    assert Turn.objects.get().api_key_id == key.pk
    finish(turn)
    budget = budget_of(people.team.pk)
    assert budget.held_nano_usd == 0
    assert 0 < budget.spent_nano_usd < turn.hold_nano_usd


def test_what_was_asked_is_kept_only_while_it_is_answered(key: APIKey) -> None:
    picture = PromptMessage("user", "What is this?", wire='{"data":"long"}', images=1)
    turn = ask(program(key), prompt=(picture,))
    assert b"long" not in bytes(TurnRequest.objects.get().prompt)
    finish(turn)
    assert not TurnRequest.objects.exists()


def test_it_is_in_no_list_and_opens_on_no_page(key: APIKey, alice: Principal) -> None:
    turn = ask(program(key))
    finish(turn, "A secret answer.")
    assert conversation_list(alice).items == ()
    assert conversation_list(alice, query="secret").items == ()
    with pytest.raises(NotVisible):
        conversation_for(alice, turn.conversation_id)
    with pytest.raises(NotVisible):
        send(alice, conversation_id=turn.conversation_id)


def test_the_same_request_again_is_the_same_turn(key: APIKey) -> None:
    wanted = asked()
    first, again = ask(program(key), wanted), ask(program(key), wanted)
    assert (again.turn_id, again.created) == (first.turn_id, False)
    with pytest.raises(IdempotencyMismatch):
        ask(program(key), replace(wanted, payload_sha256="b" * 64))


def test_a_key_asks_only_the_models_of_its_list(key: APIKey) -> None:
    APIKey.objects.update(model_names=["another"])
    with pytest.raises(ModelBeyondKey):
        ask(program(key))
    assert not Conversation.objects.exists()


def test_a_key_without_the_scope_asks_nothing(key: APIKey) -> None:
    APIKey.objects.update(scopes=[Capability.VIEW_BILLING.value])
    with pytest.raises(Forbidden):
        ask(program(key))


def test_an_empty_budget_refuses_and_nothing_is_stored(key: APIKey) -> None:
    with pytest.raises(BudgetTooSmall):
        ask(program(key), prompt=(PromptMessage("user", "x" * 4_000_000),))
    assert not Conversation.objects.exists()


def test_beyond_its_own_budget_a_key_is_refused_with_figures(people: Cast, bob: Principal) -> None:
    wish = KeyWish("robot", budget=KeyBudget(17_000_000, Period.DAY))
    bounded = make_key(people.bob, people.team, wish).key
    assert ask(program(bounded)).max_tokens > 2000
    with pytest.raises(BudgetTooSmall, match="The limit of this API key for today has") as refused:
        ask(program(bounded))
    told = refused.value.detail or {}
    assert (told["scope"], told["period"]) == ("api_key", "day")
    assert told["remaining_nano_usd"] < told["needed_nano_usd"]
    assert told["starts_afresh"] is not None
    send(bob)
    assert Turn.objects.count() == 2


def test_a_prompt_beyond_the_bound_is_refused_with_the_bound(key: APIKey, settings: Any) -> None:
    settings.TURNS = replace(settings.TURNS, max_program_prompt_bytes=100)
    with pytest.raises(ContentInvalid, match="at most 100"):
        ask(program(key), prompt=(PromptMessage("user", "x" * 101),))


def test_descriptions_of_tools_are_held_too(key: APIKey) -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": "x" * 10_000}}]
    bare, with_tools = ask(program(key)), ask(program(key), options={"tools": tools})
    assert with_tools.hold_nano_usd > bare.hold_nano_usd
    assert with_tools.options == {"tools": tools}
    for name in ("chat_template_kwargs", "thinking", "tool_choice"):
        shown = ask(program(key), options={name: {"names": ["x" * 10_000]}})
        assert shown.hold_nano_usd > bare.hold_nano_usd


def test_a_persons_programs_and_she_herself_do_not_stand_in_each_others_way(
    key: APIKey, bob: Principal, settings: Any
) -> None:
    settings.TURNS = replace(settings.TURNS, max_turns_per_person=1, max_turns_per_api_key=1)
    ask(program(key))
    send(bob)
    ask(bob, source="batch")
    with pytest.raises(TooManyTurns):
        ask(program(key))
    with pytest.raises(TooManyTurns):
        send(bob)


def test_turns_of_a_revoked_key_are_to_stop(key: APIKey, bob: Principal) -> None:
    mine, hers = ask(program(key)), send(bob)
    turns = [mine.turn_id, hers.turn_id]
    assert turns_to_stop(turns) == {}
    revoke_api_key(key)
    assert turns_to_stop(turns) == {mine.turn_id: None}


def test_turns_of_a_key_whose_person_left_the_team_are_to_stop(key: APIKey, people: Cast) -> None:
    mine = ask(program(key))
    Membership.objects.filter(user=people.bob, team=people.team).delete()
    assert turns_to_stop([mine.turn_id]) == {mine.turn_id: None}


def test_a_turn_whose_process_died_is_settled_by_what_was_asked(key: APIKey) -> None:
    turn = ask(program(key), prompt=(PromptMessage("user", "word " * 100),))
    ended = recover_turn(turn.turn_id)
    assert ended is not None
    assert (ended.state, ended.quality) == ("orphaned", "estimated")
    assert 100 <= ended.prompt_tokens < 120


def test_calls_of_tools_are_stored_with_the_answer(key: APIKey) -> None:
    turn = ask(program(key))
    extras = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}
    finish(turn, "", extras=extras)
    ended = stored_end(turn.turn_id)
    assert ended is not None
    assert ended.extras == extras


def test_it_takes_no_more_statements_than_the_documents_say(key: APIKey) -> None:
    who = program(key)
    finish(ask(who))
    with CaptureQueriesContext(connection) as statements:
        ask(who)
    assert len(statements) <= 22, [each["sql"] for each in statements]
