"""A cheaper model is named where it is much cheaper and can do the same; a budget, by its name."""

from typing import Any

import pytest
from django.utils.translation import override

from accounts.policy import Principal
from billing.money import usd_to_nano
from billing.tokens import is_exact
from chat.queries.estimates import Estimate, estimate
from chat.services.intents import Models
from chat.turns.relays import Offer
from tests.billing.conftest import give, set_prices
from tests.billing.limiting import limited
from tests.chat.admitting import MODEL, finish, send, wish
from tests.people import Cast

pytestmark = pytest.mark.django_db
WINDOW = 8000


@pytest.fixture(scope="module", autouse=True)
def tokenizer() -> None:
    """Load it before a transaction waits for it: PostgreSQL ends idle ones."""
    assert is_exact(MODEL)


@pytest.fixture(autouse=True)
def credit(settings: Any, people: Cast, priced: None) -> None:
    settings.SIGNUP_CREDIT_USD = "0"
    give(people.team, "5")


def offer(model: str, **facts: Any) -> Offer:
    values: dict[str, Any] = {"name": model.title(), "relay_name": "relay", "scripted": False}
    return Offer(model=model, **(values | facts))


def told(who: Principal, *others: Offer, **fields: Any) -> Estimate:
    return estimate(who, wish(**fields), Models(MODEL), (offer(MODEL), *others))


def test_beside_a_model_that_is_free_nothing_is_cheaper(alice: Principal) -> None:
    set_prices(MODEL, "0")
    set_prices("free", "0")
    free = told(alice, offer("free"))
    assert (free.high_nano_usd, free.verdict, free.cheaper) == ("0", "fits", None)
    set_prices("dear", "1")
    dear = estimate(alice, wish(model="dear"), Models(MODEL), (offer("dear"), offer("free")))
    assert dear.cheaper is not None
    assert (dear.cheaper.model, dear.cheaper.high_nano_usd) == ("free", "0")


def test_a_model_that_writes_far_more_is_not_cheap_whatever_its_price(
    people: Cast, alice: Principal
) -> None:
    set_prices("half", "4")
    assert told(alice, offer("half")).cheaper is not None
    for _ in range(20):
        finish(send(alice, model="half"), "far too many words " * 250)
    assert told(alice, offer("half")).cheaper is None


def test_a_model_that_would_cut_the_prompt_is_none(alice: Principal) -> None:
    set_prices("half", "4")
    long = "word " * 3000
    small = offer("half", context_tokens=WINDOW)
    assert told(alice, small).cheaper is not None
    assert told(alice, small, content=long).cheaper is None
    assert told(alice, offer("half", context_tokens=10 * WINDOW), content=long).cheaper is not None
    forbidden = offer("half", visibility="forbidden")
    assert told(alice, forbidden).cheaper is None


def test_the_tightest_of_all_budgets_is_named_in_the_readers_language(
    people: Cast, bob: Principal
) -> None:
    turn = send(bob)
    finish(turn)
    limited("4")
    limited("3", people.team)
    limited("2", people.team, people.bob)
    place: dict[str, Any] = {"conversation_id": turn.conversation_id}
    mine = told(bob, **place)
    assert mine.left_of == f"Your limit in {people.team.name}"
    assert mine.left_nano_usd == str(usd_to_nano("2"))
    with override("vi"):
        said = told(bob, **place).left_of
    assert people.team.name in said
    assert said != mine.left_of
