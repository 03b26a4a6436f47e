"""Which model a turn asks, and which it may not."""

from typing import Any

import pytest

from accounts.policy import Principal
from billing.prices import NewPrice, set_price
from chat.models import Conversation, Turn
from chat.services.admission import start_turn
from chat.services.errors import ModelForbidden, ModelNotAllowed, ModelUnknown
from chat.services.intents import Admitted, Models
from tests.chat.admitting import finish, wish

pytestmark = pytest.mark.django_db
OFFERED = frozenset({"gpt-4.1", "gpt-4o", "bad"})
ALIASES = {"best": "gpt-4.1", "worst": "bad", "lost": "nowhere"}


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    for model in (*OFFERED, "gone", "best"):
        set_price(model, NewPrice(1, 1))


def send(who: Principal, offered: frozenset[str] = OFFERED, **fields: Any) -> Admitted:
    models = Models("gpt-4.1", aliases=ALIASES, offered=offered, forbidden=frozenset({"bad"}))
    return start_turn(who, wish(**fields), models=models, node="here")


def conversation_with(alice: Principal, model: str) -> Admitted:
    """One whose model was offered then, with an answer that was cut."""
    turn = send(alice, offered=OFFERED | {model}, model=model)
    finish(turn, state="failed")
    return turn


def test_a_model_that_nobody_offers_any_more_is_refused_with_what_to_do(alice: Principal) -> None:
    before = conversation_with(alice, "gone")
    for fields in (
        {"conversation_id": before.conversation_id},
        {"conversation_id": before.conversation_id, "model": "gone"},
        {"kind": "regenerate", "target_id": before.assistant_message_id},
        {"kind": "continue", "target_id": before.assistant_message_id},
    ):
        with pytest.raises(ModelUnknown, match="Choose another one") as caught:
            send(alice, **fields)
        assert caught.value.detail == {"model": "gone", "near_matches": []}
    assert Turn.objects.count() == 1
    again = send(alice, conversation_id=before.conversation_id, model="gpt-4o")
    assert (again.model, again.conversation_id) == ("gpt-4o", before.conversation_id)


def test_a_forbidden_model_is_refused_everywhere(alice: Principal) -> None:
    before = conversation_with(alice, "gpt-4o")
    Conversation.objects.filter(pk=before.conversation_id).update(model="bad")
    for fields in (
        {"model": "bad"},
        {"model": "bad", "asked_model": "worst"},
        {"conversation_id": before.conversation_id},
        {"kind": "regenerate", "target_id": before.assistant_message_id},
        {"kind": "regenerate", "target_id": before.assistant_message_id, "model": "bad"},
        {"kind": "continue", "target_id": before.assistant_message_id},
        {"kind": "edit", "target_id": before.user_message_id, "model": "worst"},
    ):
        with pytest.raises(ModelForbidden) as caught:
            send(alice, **fields)
        assert caught.value.code == "model_not_allowed"
        assert caught.value.detail == {"model": "bad", "reason": "forbidden"}
    assert Turn.objects.count() == 1


def test_a_forbidden_default_is_refused_too(alice: Principal) -> None:
    models = Models("bad", offered=OFFERED, forbidden=frozenset({"bad"}))
    with pytest.raises(ModelForbidden):
        start_turn(alice, wish(), models=models, node="here")
    allowed = Models("bad", offered=OFFERED)
    assert start_turn(alice, wish(), models=allowed, node="here").model == "bad"


def test_a_model_without_a_price_is_refused_for_that(alice: Principal) -> None:
    with pytest.raises(ModelNotAllowed, match="no price") as caught:
        send(alice, offered=OFFERED | {"unpriced"}, model="unpriced")
    assert caught.value.detail == {"model": "unpriced", "reason": "no_price"}


def test_a_conversation_goes_on_with_what_its_model_is_called_now(alice: Principal) -> None:
    before = conversation_with(alice, "best")
    assert before.model == "best"
    after = send(alice, conversation_id=before.conversation_id)
    assert after.model == "gpt-4.1"


def test_without_any_offer_a_send_names_no_model(alice: Principal) -> None:
    with pytest.raises(ModelUnknown):
        start_turn(alice, wish(), models=Models("", offered=frozenset()), node="here")
