"""What editing, answering again and going on may cost is told from the prompt that each sends."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.policy import Forbidden, NotVisible, Principal
from billing.tokens import is_exact
from chat.models import Turn, WaitingMessage
from chat.queries.estimates import Estimate, estimate
from chat.services.attempts import count_prompt
from chat.services.errors import ContentInvalid, TooManyTurns
from chat.services.intents import Models
from tests.billing.conftest import give, set_prices
from tests.chat.admitting import MODEL, finish, send, wish
from tests.chat.test_api import error_of, json_of
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def tokenizer() -> None:
    """Load it before a transaction waits for it: PostgreSQL ends idle ones."""
    assert is_exact(MODEL)


@pytest.fixture(autouse=True)
def credit(settings: Any, people: Cast, priced: None) -> None:
    settings.SIGNUP_CREDIT_USD = "0"
    give(people.team, "5")


def told(who: Principal, **fields: Any) -> Estimate:
    return estimate(who, wish(**fields), Models(MODEL))


def talked(who: Principal, *said: str, state: str = "completed") -> Any:
    """A conversation of these messages, each answered at length; its last turn."""
    turn = send(who, content=said[0])
    for more in said[1:]:
        finish(turn, "They run on rails. " * 50)
        turn = send(who, conversation_id=turn.conversation_id, content=more)
    finish(turn, "They run on rails. " * 50, state=state)
    return turn


def told_and_sent(who: Principal, **fields: Any) -> Estimate:
    """What is told, when what is sent afterwards is just that."""
    before = told(who, **fields)
    sent = send(who, **fields)
    assert before.prompt_tokens == count_prompt(sent.prompt, sent.model)
    assert int(before.worst_nano_usd) == sent.hold_nano_usd
    assert (before.model, before.max_tokens) == (sent.model, sent.max_tokens)
    finish(sent)
    return before


def test_an_edit_is_told_from_above_the_message(alice: Principal) -> None:
    turn = talked(alice, "Trams?", "And buses?")
    longer = "And ferries, please, in detail? " * 20
    edit: dict[str, Any] = {"kind": "edit", "target_id": turn.user_message_id}
    assert told_and_sent(alice, **edit, content=longer).prompt_tokens > 400
    first = Turn.objects.order_by("created_at")[0]
    edit["target_id"] = first.user_message_id
    assert told_and_sent(alice, **edit, content="Ships?").prompt_tokens < 20


def test_another_answer_is_told_from_its_question_with_the_model_it_gets(
    alice: Principal,
) -> None:
    turn = talked(alice, "Trams?", "And buses?")
    again: dict[str, Any] = {"kind": "regenerate", "target_id": turn.assistant_message_id}
    whole = told_and_sent(alice, **again)
    assert 200 < whole.prompt_tokens < 300
    set_prices("dear", "80")
    dear = told_and_sent(alice, **again, model="dear")
    assert int(dear.high_nano_usd) > 5 * int(whole.high_nano_usd)


def test_going_on_is_told_with_the_text_so_far_and_the_request_to_go_on(
    alice: Principal,
) -> None:
    turn = talked(alice, "Trams?", state="interrupted")
    on: dict[str, Any] = {"kind": "continue", "target_id": turn.assistant_message_id}
    again = told(alice, kind="regenerate", target_id=turn.assistant_message_id)
    assert told_and_sent(alice, **on).prompt_tokens > again.prompt_tokens + 200


def test_what_cannot_be_done_is_not_told_a_price(
    alice: Principal, charlie: Principal, dana: Principal
) -> None:
    turn = talked(alice, "Trams?")
    answer, question = turn.assistant_message_id, turn.user_message_id
    for kind, wrong in (("edit", answer), ("regenerate", question), ("continue", answer)):
        with pytest.raises(ContentInvalid):
            told(alice, kind=kind, target_id=wrong)
    assert told(alice, kind="regenerate", target_id=answer)
    with pytest.raises(NotVisible):
        told(charlie, kind="regenerate", target_id=answer)
    with pytest.raises(Forbidden):
        told(dana, kind="regenerate", target_id=answer)
    with pytest.raises(NotVisible):
        told(alice, kind="edit", target_id=uuid4())
    running = send(alice, kind="regenerate", target_id=answer)
    with pytest.raises(TooManyTurns):
        told(alice, kind="continue", target_id=running.assistant_message_id)


def test_a_message_that_would_wait_says_that_it_costs_more(
    alice: Principal, bob: Principal
) -> None:
    running = send(alice, content="Trams?")
    place: dict[str, Any] = {"conversation_id": running.conversation_id, "content": "And buses?"}
    waiting = told(bob, **place)
    assert waiting.waits
    assert not WaitingMessage.objects.exists()
    finish(running, "They run on rails. " * 50)
    then = told_and_sent(bob, **place)
    assert not then.waits
    assert then.prompt_tokens > waiting.prompt_tokens + 200


def test_a_prompt_beyond_the_window_says_so_before_the_relay_does(alice: Principal) -> None:
    models = Models(MODEL, context_tokens={MODEL: 1000})
    fits = estimate(alice, wish("word " * 600), models)
    assert not fits.is_too_long
    assert estimate(alice, wish("word " * 1200), models).is_too_long


@pytest.mark.usefixtures("without_relay")
def test_the_door_takes_each_kind_and_refuses_what_does_not_belong(
    people: Cast, alice: Principal
) -> None:
    turn = talked(alice, "Trams?")
    client = Client()
    client.force_login(people.alice)

    def ask(**body: Any) -> Any:
        return client.post("/api/estimates", json.dumps(body), content_type="application/json")

    answer, question = str(turn.assistant_message_id), str(turn.user_message_id)
    again = json_of(ask(type="regenerate", message=answer, model=MODEL))
    edited = json_of(ask(type="edit", message=question, content="Trams, please?"))
    assert edited["prompt_tokens"] > again["prompt_tokens"] > 0
    bad: list[dict[str, Any]] = [
        {"type": "sing"},
        {"type": "chat", "content": "Hello", "message": answer},
        {"type": "continue", "message": answer, "model": MODEL},
        {"type": "regenerate"},
        {"content": "Hello", "max_tokens": 0},
        {"content": "Hello", "extra": True},
    ]
    for body in bad:
        assert error_of(ask(**body), 400)["code"] == "bad_frame", body
    said = error_of(ask(type="regenerate", message=answer, content="Hello"), 400)
    assert "'regenerate' has no content" in said["message"]
    assert error_of(ask(type="continue", message=answer), 400)["code"] == "bad_frame"
    assert error_of(ask(type="edit", message=question, content="a" * 200_001), 400)
    assert error_of(ask(type="edit", message=str(uuid4()), content="Hello"), 404)
    client.force_login(people.dana)
    assert error_of(ask(type="regenerate", message=answer), 403)["code"] == "forbidden"
