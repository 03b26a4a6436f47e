"""The models of all relays as one list, with what administrators say of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from chat.models import ModelVisibility
from chat.queries.model_words import ModelWord, ModelWords
from chat.relay.errors import ModelUnknown
from chat.turns.relays.offers import Offering
from tests.turns.listing import Listing, Make, logged, quick_catalogues, until_offered


@pytest.fixture
async def make(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    async with quick_catalogues(monkeypatch) as make:
        yield make


async def test_a_model_of_several_relays_is_one_offer_with_several_clients(make: Make) -> None:
    first = Listing("first", {"id": "gpt-4.1", "name": "GPT", "context_length": 8192}, "only-first")
    second = Listing(
        "second", {"id": "gpt-4.1", "supports_vision": True, "context_length": 4096}, "only-second"
    )
    offering: Offering = await make(first, second).offering()
    offer = offering.offers["gpt-4.1"]
    assert list(offering.offers) == ["gpt-4.1", "only-first", "only-second"]
    assert (offer.relay_name, offer.relay_names) == ("first", ("first", "second"))
    assert (offer.name, offer.vision, offer.context_tokens) == ("GPT", True, 4096)
    assert offering.clients["gpt-4.1"] == (first.client, second.client)
    assert offering.clients["only-second"] == (second.client,)


async def test_two_keys_of_a_relay_count_as_one_relay(make: Make) -> None:
    offering = await make(Listing("relay", "m"), Listing("relay", "m")).offering()
    assert offering.offers["m"].relay_names == ("relay",)
    assert len(offering.clients["m"]) == 2


async def test_a_relays_patterns_filter_what_it_offers(make: Make) -> None:
    all_of_it = Listing("all", "gpt-4.1", "claude-opus-4")
    some = Listing("some", "gpt-4.1", "gpt-4o", "Gpt-5", "claude-opus-4", patterns=("gpt-*", "o?"))
    offering = await make(all_of_it, some).offering()
    assert list(offering.offers) == ["gpt-4.1", "claude-opus-4", "gpt-4o"]
    assert offering.clients["claude-opus-4"] == (all_of_it.client,)


WORDS = ModelWords(
    aliases={"gpt-4": "gpt-4.1", "gpt-4o": "gpt-4.1", "lost": "nowhere", "chain": "gpt-4"},
    models={
        "gpt-4.1": ModelWord(name="Our GPT", context_tokens=1000, vision=False),
        "secret": ModelWord(visibility=ModelVisibility.HIDDEN.value),
        "bad": ModelWord(visibility=ModelVisibility.FORBIDDEN.value),
    },
)


async def test_an_alias_leads_to_its_model_and_a_listed_name_is_never_rewritten(make: Make) -> None:
    offering = await make(Listing("relay", "gpt-4.1", "gpt-4o"), words=WORDS).offering()
    assert offering.resolve("gpt-4") == "gpt-4.1"
    assert offering.resolve("gpt-4o") == "gpt-4o"
    for unknown in ("lost", "chain", ""):
        with pytest.raises(ModelUnknown):
            offering.resolve(unknown)


async def test_nobody_is_pointed_at_a_model_that_is_not_for_choosing(make: Make) -> None:
    offering = await make(Listing("relay", "secret", "secrets"), words=WORDS).offering()
    with pytest.raises(ModelUnknown) as caught:
        offering.resolve("secre")
    assert caught.value.near_matches == ("secrets",)


async def test_the_administrators_word_is_above_the_relays(make: Make) -> None:
    listed = {"id": "gpt-4.1", "name": "GPT", "context_length": 8192, "supports_vision": True}
    catalogues = make(Listing("relay", listed, "secret", "bad"), words=WORDS)
    offers = (await catalogues.offering()).offers
    ours = offers["gpt-4.1"]
    assert (ours.name, ours.context_tokens, ours.vision) == ("Our GPT", 1000, False)
    assert [offers[model].shown for model in ("gpt-4.1", "secret", "bad")] == [True, False, False]
    models = (await catalogues.offering()).models("")
    assert models.context_tokens == {"gpt-4.1": 1000}
    assert models.forbidden == frozenset({"bad"})
    assert models.offered == frozenset({"gpt-4.1", "secret", "bad"})
    catalogues.heed(ModelWords())
    assert (await catalogues.offering()).offers["gpt-4.1"].context_tokens == 8192


@pytest.mark.parametrize(
    ("configured", "taken"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4", "gpt-4.1"),
        ("secret", "gpt-4.1"),
        ("bad", "gpt-4.1"),
        ("unheard-of", "gpt-4.1"),
        ("", "gpt-4.1"),
    ],
)
async def test_a_default_that_cannot_be_is_the_first_that_is_shown(
    make: Make, settings: Any, configured: str, taken: str
) -> None:
    settings.TURNS = replace(settings.TURNS, default_model=configured)
    relay = Listing("relay", "bad", "secret", "gpt-4.1", "gpt-4o")
    with capture_logs() as logs:
        catalogues = make(relay, words=WORDS)
        assert (await catalogues.offering()).default_model(configured) == taken
        relay.models.append("another")
        await until_offered(catalogues, "bad", "secret", "gpt-4.1", "gpt-4o", "another")
    told = logged(logs, "default_model_not_offered")
    assert len(told) == (configured in ("secret", "bad", "unheard-of"))
