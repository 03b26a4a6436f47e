"""What a message may cost is told before it is sent, from the same prompt and budget."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.policy import Forbidden, NotVisible, Principal
from billing.budgets import budget_of
from billing.money import usd_to_nano
from billing.tokens import is_exact
from chat.models import Message, Turn
from chat.queries.estimates import Estimate, estimate
from chat.services.attempts import count_prompt
from chat.services.errors import BudgetTooSmall, ContentInvalid, ModelNotAllowed
from chat.services.intents import Models
from chat.turns.relays import Offer
from tests.billing.conftest import give, set_prices
from tests.billing.limiting import limited
from tests.chat.admitting import MODEL, finish, send, wish
from tests.chat.test_api import error_of, json_of
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def tokenizer() -> None:
    """Load it before a transaction waits for it: PostgreSQL ends idle ones."""
    assert is_exact(MODEL)


@pytest.fixture(autouse=True)
def money(settings: Any, priced: None) -> None:
    settings.SIGNUP_CREDIT_USD = "0"


def told(who: Principal, offers: tuple[Offer, ...] = (), **fields: Any) -> Estimate:
    return estimate(who, wish(**fields), Models(MODEL), offers)


def offer(model: str, **facts: Any) -> Offer:
    values: dict[str, Any] = {"name": model.title(), "relay_name": "relay", "scripted": False}
    return Offer(model=model, **(values | facts))


def test_what_is_counted_is_the_prompt_that_is_sent(people: Cast, alice: Principal) -> None:
    give(people.team, "5")
    first = send(alice, content="Tell me about trams. " * 20)
    finish(first, "They run on rails. " * 50)
    place: dict[str, Any] = {"conversation_id": first.conversation_id, "content": "And buses?"}
    before = told(alice, **place)
    sent = send(alice, **place)
    assert before.prompt_tokens == count_prompt(sent.prompt, MODEL) > 300
    assert (before.exact, before.is_cut) == (True, False)
    assert int(before.prompt_nano_usd) == before.prompt_tokens * 8000
    assert int(before.worst_nano_usd) == sent.hold_nano_usd
    assert (before.verdict, before.max_tokens) == ("fits", sent.max_tokens)


def test_an_estimate_stores_nothing(people: Cast, alice: Principal) -> None:
    give(people.team, "5")
    before = budget_of(people.team.pk)
    told(alice)
    assert budget_of(people.team.pk) == before
    assert not Turn.objects.exists()
    assert not Message.objects.exists()


def test_a_prompt_that_the_window_cuts_says_so(people: Cast, alice: Principal) -> None:
    give(people.team, "5")
    first = send(alice, content="word " * 2000)
    finish(first)
    said = wish(conversation_id=first.conversation_id)
    assert not estimate(alice, said, Models(MODEL)).is_cut
    small = estimate(alice, said, Models(MODEL, context_tokens={MODEL: 1000}))
    assert small.is_cut
    assert small.prompt_tokens < 100
    assert small.max_tokens == 500


def test_a_budget_that_is_short_is_told_as_admission_will(people: Cast, alice: Principal) -> None:
    give(people.team, "0.01")
    shortened = told(alice)
    assert shortened.verdict == "shortened"
    assert shortened.answer.high_tokens <= shortened.max_tokens
    assert int(shortened.left_nano_usd) == usd_to_nano("0.01")
    assert send(alice).max_tokens == shortened.max_tokens
    assert told(alice).verdict == "refused"
    with pytest.raises(BudgetTooSmall):
        send(alice)


def test_a_limit_that_leaves_less_than_the_credit_counts(
    people: Cast, alice: Principal, bob: Principal
) -> None:
    give(people.team, "5")
    limited("0.01", people.team, people.bob)
    told_bob = told(bob)
    assert told_bob.left_of == f"Your limit in {people.team.name}"
    assert (told_bob.verdict, told_bob.left_nano_usd) == ("shortened", str(usd_to_nano("0.01")))
    assert send(bob).max_tokens == told_bob.max_tokens
    assert (told(alice).verdict, told(alice).left_of) == (
        "fits",
        f"The credit of {people.team.name}",
    )


def test_the_cheaper_model_is_the_dearest_at_half_the_price_that_can_be_used(
    people: Cast, alice: Principal
) -> None:
    give(people.team, "5")
    for model, usd in (("half", "4"), ("third", "2.7"), ("tenth", "0.8"), ("dear", "4.1")):
        set_prices(model, usd)
    usable = (offer(MODEL), offer("dear"), offer("third"), offer("tenth"), offer("free-of-price"))
    said = told(alice, usable).cheaper
    assert said is not None
    assert (said.model, said.name) == ("third", "Third")
    assert int(said.high_nano_usd) < int(told(alice).high_nano_usd) / 2
    hidden = (offer(MODEL), offer("half", visibility="hidden"), offer("tenth", scripted=True))
    assert told(alice, hidden).cheaper is None
    blind = (offer(MODEL), offer("half", context_tokens=100))
    assert told(alice, blind).cheaper is None


def test_a_model_without_a_price_and_an_empty_text_are_refused(alice: Principal) -> None:
    with pytest.raises(ModelNotAllowed):
        told(alice, model="priceless")
    with pytest.raises(ContentInvalid):
        told(alice, content=" ")


def test_only_those_who_may_send_are_told(
    people: Cast, alice: Principal, dana: Principal, charlie: Principal
) -> None:
    give(people.team, "5")
    place: dict[str, Any] = {"conversation_id": send(alice).conversation_id}
    assert told(alice, **place)
    with pytest.raises(NotVisible):
        told(charlie, **place)
    with pytest.raises(Forbidden):
        told(dana, **place)
    with pytest.raises(NotVisible):
        told(alice, **place, parent_id=uuid4())
    with pytest.raises(NotVisible):
        told(alice, parent_id=uuid4())


@pytest.mark.usefixtures("without_relay")
def test_the_door_tells_also_while_no_relay_answers(people: Cast) -> None:
    client = Client()

    def ask(**body: Any) -> Any:
        return client.post("/api/estimates", json.dumps(body), content_type="application/json")

    assert error_of(ask(content="Hello"), 401)["code"] == "not_signed_in"
    client.force_login(people.alice)
    for half in ({"content": "\ud800"}, {"model": "\udfff"}, {"system": "\ud800"}):
        assert error_of(ask(**({"content": "Hello"} | half)), 400)["code"] == "bad_frame", half
    said = json_of(ask(content="Hello", model=MODEL))
    assert said["answer"]["whose"] == "nobody"
    assert said["low_nano_usd"] == str((said["prompt_tokens"] + 30) * 8000)
    assert said["cheaper"] is None
    assert error_of(ask(content="Hello", model=MODEL, conversation=str(uuid4())), 404)
    assert error_of(ask(content="", model=MODEL), 400)["detail"]["path"] == "$.content"
    assert error_of(ask(content="Hello", model="priceless"), 403)["code"] == "model_not_allowed"
