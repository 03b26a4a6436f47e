"""The models door: prices, savings, and what is said when no relay answers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from billing.money import usd_to_nano
from billing.prices import NewPrice, set_price
from chat.models import ModelSetting
from chat.relay.demo import DemoRelay
from chat.turns.relays import directory
from tests.chat.test_api import json_of
from tests.people import Cast


@pytest.fixture
async def relay(settings: Any) -> AsyncIterator[DemoRelay]:
    async with DemoRelay(port=0) as relay:
        settings.RELAY = replace(
            settings.RELAY,
            api_key="",
            embedded=(f"demo={relay.base_url}",),
            embedded_key="hs_demo",
            max_retries=0,
        )
        yield relay
        await directory().aclose()


@pytest.mark.django_db(transaction=True)
async def test_models_carry_their_price_and_saving(people: Cast, relay: DemoRelay) -> None:
    await _set_price("gpt-4.1", "8", "60")
    await _set_price("not-offered", "1", "2")
    client = AsyncClient()
    await client.aforce_login(people.alice)
    listed = json_of(await client.get("/api/models"))
    items = {item["id"]: item for item in listed["items"]}
    assert listed["default"] in items
    assert items["gpt-4.1"]["available"]
    assert items["gpt-4.1"]["scripted"]
    assert items["gpt-4.1"]["saving_percent"] == 86.7
    assert items["gpt-4.1"]["price"]["input_nano_usd_per_million"] == 8_000_000_000
    assert items["gpt-4.1"]["price"]["official_output_nano_usd_per_million"] == 60_000_000_000
    assert items["not-offered"]["reason"] == "No relay offers it now."
    unpriced = items["claude-sonnet-4.5"]
    assert (unpriced["available"], unpriced["reason"]) == (False, "It has no price yet.")
    assert listed["items"][0]["id"] == "gpt-4.1"


@pytest.mark.django_db(transaction=True)
async def test_models_tell_what_they_can_do(people: Cast, relay: DemoRelay) -> None:
    client = AsyncClient()
    await client.aforce_login(people.alice)
    listed = json_of(await client.get("/api/models"))
    items = {item["id"]: item for item in listed["items"]}
    can = ("context_tokens", "vision", "reasoning")
    assert [items["claude-sonnet-4.5"][name] for name in can] == [200_000, True, True]
    assert [items["deepseek-v3.2"][name] for name in can] == [131_072, False, True]
    assert [items["gpt-4"][name] for name in can] == [None, False, False]


@pytest.mark.django_db(transaction=True)
async def test_the_word_of_administrators_holds(people: Cast, relay: DemoRelay) -> None:
    for model in ("gpt-4.1", "gpt-4o", "old-and-forbidden"):
        await _set_price(model, "8", "60")
    said: dict[str, dict[str, Any]] = {
        "gpt-4.1": {"visibility": "hidden", "name": "Our own", "context_tokens": 8192},
        "gpt-4o": {"visibility": "forbidden"},
        "old-and-forbidden": {"visibility": "forbidden"},
    }
    for model, changes in said.items():
        await ModelSetting.objects.acreate(model=model, **changes)
    client = AsyncClient()
    await client.aforce_login(people.alice)
    listed = json_of(await client.get("/api/models"))
    items = {item["id"]: item for item in listed["items"]}
    assert listed["default"] not in ("gpt-4.1", "gpt-4o")
    ours = items["gpt-4.1"]
    assert (ours["available"], ours["hidden"]) == (True, True)
    assert (ours["name"], ours["context_tokens"], ours["vision"]) == ("Our own", 8192, True)
    for model in ("gpt-4o", "old-and-forbidden"):
        refused = items[model]
        assert (refused["available"], refused["hidden"]) == (False, True)
        assert refused["reason"] == "Administrators do not allow it."


@pytest.mark.django_db(transaction=True)
def test_models_are_listed_as_unavailable_while_no_relay_answers(
    client: Client, people: Cast, without_relay: None
) -> None:
    client.force_login(people.alice)
    set_price("gpt-4.1", NewPrice(1, 1))
    listed = json_of(client.get("/api/models"))
    assert listed["default"] == ""
    (item,) = listed["items"]
    assert (item["available"], item["reason"]) == (False, "The relay does not answer.")


async def _set_price(model: str, usd: str, official_usd: str) -> None:
    price, official = usd_to_nano(usd), usd_to_nano(official_usd)
    await sync_to_async(set_price)(model, NewPrice(price, price, None, official, official))
