"""The lists of models are kept fresh while nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from chat.relay.errors import RelayAuth, RelayUnavailable
from tests.turns.listing import (
    Listing,
    Make,
    logged,
    offered,
    quick_catalogues,
    until,
    until_offered,
)


@pytest.fixture
async def make(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    async with quick_catalogues(monkeypatch) as make:
        yield make


async def test_a_dropped_model_disappears_and_a_new_one_appears(make: Make) -> None:
    relay = Listing("relay", "old", "stays")
    catalogues = make(relay)
    assert await offered(catalogues) == ["old", "stays"]
    with capture_logs() as logs:
        relay.models = ["stays", "new"]
        await until_offered(catalogues, "stays", "new")
    (told,) = [entry for entry in logs if entry["event"] == "relay_models_changed"]
    assert (told["gone"], told["new"]) == (["old"], ["new"])


async def test_nobody_waits_for_a_slow_list(make: Make) -> None:
    relay = Listing("relay", "m")
    catalogues = make(relay)
    assert await offered(catalogues) == ["m"]
    relay.open.clear()
    asked = relay.asked
    await until(lambda: relay.asked > asked)
    async with asyncio.timeout(0.05):
        assert await offered(catalogues) == ["m"]


async def test_at_the_start_the_quick_relay_is_not_held_up_for_long_by_the_slow_one(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.turns.relays.catalogues.FIRST_LOOK_SECONDS", 0.05)
    quick, slow = Listing("quick", "a"), Listing("slow", "b")
    slow.open.clear()
    catalogues = make(slow, quick)
    assert await offered(catalogues) == ["a"]
    slow.open.set()
    await until_offered(catalogues, "b", "a")


async def test_at_the_start_both_lists_are_waited_for(make: Make) -> None:
    quick, slow = Listing("quick", "a"), Listing("slow", "b")
    slow.open.clear()
    asyncio.get_running_loop().call_later(0.05, slow.open.set)
    assert await offered(make(slow, quick)) == ["b", "a"]


async def test_where_nothing_is_known_nobody_waits_for_long(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.turns.relays.catalogues.NOTHING_KNOWN_SECONDS", 0.05)
    relay = Listing("relay", "m")
    relay.open.clear()
    catalogues = make(relay)
    for _ in range(2):
        with pytest.raises(RelayUnavailable):
            await catalogues.offering()
    relay.open.set()
    await until(lambda: relay.client.catalogue.copy() is not None)
    assert await offered(catalogues) == ["m"]


async def test_a_failing_relays_models_stay_for_a_while_and_then_go(make: Make) -> None:
    failing, well = Listing("failing", "a"), Listing("well", "b")
    catalogues = make(failing, well)
    assert await offered(catalogues) == ["a", "b"]
    with capture_logs() as logs:
        failing.error = RelayUnavailable()
        await until(lambda: logged(logs, "relay_catalogue_failed"))
        assert await offered(catalogues) == ["a", "b"]
        await until_offered(catalogues, "b")
        failing.error = None
        await until_offered(catalogues, "a", "b")
    assert len(logged(logs, "relay_catalogue_failed")) == 1
    assert len(logged(logs, "relay_catalogue_answers_again")) == 1


async def test_without_any_list_the_failure_is_told_at_once(make: Make) -> None:
    relay = Listing("relay")
    relay.error = RelayAuth("no")
    catalogues = make(relay)
    with pytest.raises(RelayAuth):
        await catalogues.offering()
    with pytest.raises(RelayUnavailable, match="No relay is configured"):
        await make().offering()


async def test_a_fault_of_ours_does_not_end_the_asking(make: Make) -> None:
    relay = Listing("relay", "m")
    catalogues = make(relay)
    await catalogues.offering()
    relay.error = ValueError("odd")
    asked = relay.asked
    await until(lambda: relay.asked > asked + 1)
    relay.error, relay.models = None, ["n"]
    await until_offered(catalogues, "n")


async def test_relays_come_and_go(make: Make) -> None:
    first, second = Listing("first", "a"), Listing("second", "b")
    catalogues = make(first)
    assert await offered(catalogues) == ["a"]
    catalogues.follow([second.client])
    await until(lambda: second.asked > 0)
    await until_offered(catalogues, "b")
    asked = first.asked
    turns = second.asked
    await until(lambda: second.asked > turns + 3)
    assert first.asked == asked


async def test_closing_ends_every_asker(make: Make) -> None:
    relay = Listing("relay", "m")
    relay.open.clear()
    catalogues = make(relay)
    asking = asyncio.ensure_future(catalogues.offering())
    await until(lambda: relay.asked > 0)
    await catalogues.aclose()
    assert not [t for t in asyncio.all_tasks() if t.get_name().startswith("models of")]
    with pytest.raises(RelayUnavailable):
        await asking
