"""A model without a price is refused and administrators are told, unless there is a default."""

from typing import Any

import pytest

from accounts.policy import Principal
from billing.markups import set_markup
from billing.models import PriceVersion
from chat.models import RelayAlert, Turn
from chat.queries.model_list import model_list
from chat.services.errors import ModelNotAllowed
from chat.turns.allowance import Allowance
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, send
from tests.people import Cast


def test_who_asks_is_refused_and_administrators_are_told_once(alice: Principal) -> None:
    for model in ("new", "new", "other"):
        with pytest.raises(ModelNotAllowed, match="no price yet") as refusal:
            send(alice, model=model)
        assert refusal.value.detail == {"model": model, "reason": "no_price"}
    told = RelayAlert.objects.order_by("model").values_list("kind", "model", "times")
    assert list(told) == [("price_missing", "new", 2), ("price_missing", "other", 1)]
    assert not Turn.objects.exists()


def test_with_a_default_price_the_turn_runs_and_nobody_is_told(
    alice: Principal, settings: Any
) -> None:
    settings.DEFAULT_PRICE_USD = "10/30"
    turn = send(alice, model="new")
    assert turn.created
    assert turn.output_nano_usd_per_million == 30 * 10**9
    assert PriceVersion.objects.get(model="new").from_default
    assert not RelayAlert.objects.exists()


def test_the_list_shows_what_the_team_pays(people: Cast) -> None:
    set_prices(MODEL, "8", "60")
    set_markup(5000, people.team.pk)
    item = model_list((), "", team_id=people.team.pk).items[0]
    assert item.price is not None
    assert item.price.input_nano_usd_per_million == 12 * 10**9
    assert item.price.official_input_nano_usd_per_million == 60 * 10**9
    assert item.saving_percent == 80


def test_an_answer_stops_at_the_hold_with_the_markup_in_it(alice: Principal) -> None:
    set_prices(MODEL, "8")
    set_markup(10_000)
    turn = send(alice)
    left = Allowance(turn).tokens_left("")
    # The prompt was held by its bytes and is counted in tokens, so somewhat more is left.
    assert turn.max_tokens <= left < turn.max_tokens + 200
    set_markup(-10_000)
    assert Allowance(send(alice)).tokens_left("") == 10**9
