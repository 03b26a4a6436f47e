"""The routes and models of relays that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chat.relay.errors import RelayUnavailable
from chat.turns.relays.directory import RelayDirectory
from tests.turns.relay_desk import ENVIRONMENT, Desk, open_desk, relay, until


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_a_route_for_each_key_whose_relay_offers_the_model(desk: Desk) -> None:
    desk.stored = (
        relay("bob", key_label="one"),
        relay("bob", key_label="two"),
        relay("charlie", priority=20),
        relay("dora", models=("other-*",)),
    )
    relays = RelayDirectory(desk.membership(ENVIRONMENT))
    routes = await relays.routes("gpt-4.1")
    found = [(r.client.settings.name, r.client.settings.key_label) for r in routes]
    assert found == [("relay", ""), ("bob", "one"), ("bob", "two"), ("charlie", "main")]
    assert len({id(route.gate) for route in routes}) == 4
    (only,) = await relays.routes("charlie-only")
    assert (only.client.settings.name, only.model) == ("charlie", "charlie-only")
    await relays.aclose()


async def test_models_come_and_go_with_their_relay(desk: Desk) -> None:
    relays = RelayDirectory(desk.membership())
    with pytest.raises(RelayUnavailable):
        await relays.offers()
    desk.stored = (relay("bob"),)
    await until(lambda: len(relays.clients) == 1)
    async with asyncio.timeout(5):
        while True:
            try:
                offers = await relays.offers()
                break
            except RelayUnavailable:
                await asyncio.sleep(0.002)
    assert [offer.model for offer in offers] == ["gpt-4.1", "bob-only"]
    desk.stored = ()
    await until(lambda: not relays.clients)
    with pytest.raises(RelayUnavailable, match=r"No relay is configured\."):
        await relays.offers()
    await relays.aclose()
