"""Which relays turns may go to: what changes when administrators change them, and what stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.errors import RelayUnavailable
from chat.relay.gates import Gate, OpenGate
from chat.relay.settings import RelaySettings
from chat.turns.relays.directory import RelayDirectory
from chat.turns.relays.membership import Membership


class Documents:
    """A relay that lists models; it notes when its client is closed."""

    def __init__(self, settings: RelaySettings) -> None:
        self.name = settings.name
        self.closed = False

    async def get_document(self, path: str) -> Any:
        return {"data": [{"id": "gpt-4.1"}, {"id": f"{self.name}-only"}]}

    async def aclose(self) -> None:
        self.closed = True


class Desk:
    """The administrator's side: what is stored, and what the directory made of it."""

    def __init__(self) -> None:
        self.stored: tuple[RelaySettings, ...] | Exception = ()
        self.documents: dict[RelayClient, Documents] = {}
        self.looks = 0
        self.told: list[list[str]] = []

    async def load(self) -> tuple[RelaySettings, ...]:
        self.looks += 1
        if isinstance(self.stored, Exception):
            raise self.stored
        return self.stored

    def client(self, settings: RelaySettings) -> RelayClient:
        documents = Documents(settings)
        client = RelayClient(settings, documents=documents)
        self.documents[client] = documents
        return client

    def was_closed(self, client: RelayClient) -> bool:
        return self.documents[client].closed


def relay(name: str, **changes: Any) -> RelaySettings:
    values: dict[str, Any] = {
        "name": name,
        "base_url": f"https://{name}.example/v1",
        "api_key": "hs_1",
        "key_label": "main",
        "priority": 10,
    }
    return RelaySettings(**(values | changes))


ENVIRONMENT = RelaySettings(name="relay", base_url="https://relay.example/v1", api_key="hs_0")


@pytest.fixture
def desk() -> Desk:
    return Desk()


Make = Callable[..., Membership]


@pytest.fixture
async def make(desk: Desk) -> AsyncIterator[Make]:
    made: list[Membership] = []

    def make(*environment: RelaySettings, **options: Any) -> Membership:
        values: dict[str, Any] = {
            "make_client": desk.client,
            "reload_seconds": 0.01,
            "linger_seconds": 0.0,
        }
        made.append(Membership(environment, desk.load, **(values | options)))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()
    assert all(documents.closed for documents in desk.documents.values())


def names(membership: Membership) -> list[str]:
    return [client.settings.name for client in membership.clients]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)


async def test_the_environment_comes_first_then_the_stored_ones_by_priority(
    make: Make, desk: Desk
) -> None:
    desk.stored = (relay("charlie", priority=20), relay("bob"), relay("alice", priority=-1))
    membership = make(ENVIRONMENT)
    assert names(membership) == ["relay"]
    await membership.ready()
    assert names(membership) == ["alice", "relay", "bob", "charlie"]


async def test_the_first_who_ask_wait_until_the_database_was_asked(make: Make, desk: Desk) -> None:
    desk.stored = (relay("bob"),)
    membership = make(reload_seconds=60)
    await asyncio.gather(membership.ready(), membership.ready())
    assert (names(membership), desk.looks) == (["bob"], 1)


async def test_what_did_not_change_keeps_client_gate_and_breaker(make: Make, desk: Desk) -> None:
    desk.stored = (relay("alice"), relay("bob"))
    membership = make(ENVIRONMENT)
    await membership.ready()
    first = membership.clients
    held = [membership.limits_of(client) for client in first]
    desk.stored = (relay("alice"), relay("bob", weight=3), relay("charlie"))
    await until(lambda: len(membership.clients) == 4)
    assert membership.clients[:2] == first[:2]
    assert [membership.limits_of(client) for client in membership.clients[:2]] == held[:2]
    # Another weight takes another client, but what its breaker and gate know is still true.
    changed = membership.clients[2]
    assert changed is not first[2]
    assert membership.limits_of(changed) == held[2]


@pytest.mark.parametrize(
    ("change", "keeps_gate", "keeps_breaker"),
    [
        ({"idle_timeout_seconds": 5.0}, True, True),
        ({"requests_per_minute": 5}, False, True),
        ({"api_key": "hs_2"}, False, False),
        ({"base_url": "https://elsewhere.example/v1"}, False, False),
    ],
)
async def test_a_changed_relay_keeps_what_is_still_true(
    make: Make, desk: Desk, change: dict[str, Any], keeps_gate: bool, keeps_breaker: bool
) -> None:
    desk.stored = (relay("bob"),)
    membership = make(gate_for=lambda _: OpenGate())
    await membership.ready()
    (before,) = membership.clients
    gate, breaker = membership.limits_of(before)
    desk.stored = (relay("bob", **change),)
    await until(lambda: membership.clients[0] is not before)
    (after,) = membership.clients
    now: tuple[Gate, Breaker] = membership.limits_of(after)
    assert ((now[0] is gate), (now[1] is breaker)) == (keeps_gate, keeps_breaker)


async def test_a_changed_relay_has_its_models_before_it_takes_over(make: Make, desk: Desk) -> None:
    desk.stored = (relay("bob"),)
    membership = make()
    await membership.ready()
    (before,) = membership.clients
    desk.stored = (relay("bob", weight=2),)
    await until(lambda: membership.clients[0] is not before)
    assert membership.clients[0].catalogue.copy() is not None


async def test_a_client_that_leaves_is_closed_only_after_its_answers_ended(
    make: Make, desk: Desk
) -> None:
    desk.stored = (relay("alice"), relay("bob"))
    membership = make()
    await membership.ready()
    alice, bob = membership.clients
    with membership.held([alice]), membership.held([alice]):
        desk.stored = ()
        await until(lambda: desk.was_closed(bob))
        assert membership.clients == ()
        assert not desk.was_closed(alice)
        assert membership.limits_of(alice)
    await until(lambda: desk.was_closed(alice))


async def test_a_database_that_fails_leaves_the_last_set(make: Make, desk: Desk) -> None:
    desk.stored = (relay("bob"),)
    membership = make(ENVIRONMENT)
    await membership.ready()
    desk.stored = OSError("The database is away.")
    looks = desk.looks
    await until(lambda: desk.looks > looks + 2)
    assert names(membership) == ["relay", "bob"]
    desk.stored = ()
    await until(lambda: names(membership) == ["relay"])


async def test_a_database_that_fails_at_the_start_leaves_the_environment(
    make: Make, desk: Desk
) -> None:
    desk.stored = OSError("The database is away.")
    membership = make(ENVIRONMENT)
    await membership.ready()
    assert names(membership) == ["relay"]


async def test_a_nudge_is_heeded_at_once(make: Make, desk: Desk) -> None:
    membership = make(reload_seconds=60)
    await membership.ready()
    desk.stored = (relay("bob"),)
    membership.nudge()
    await until(lambda: names(membership) == ["bob"])


async def test_a_change_while_relays_are_looked_for_is_not_lost(make: Make, desk: Desk) -> None:
    """A nudge that comes while the database is being asked makes it be asked once more."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> tuple[RelaySettings, ...]:
        found = await desk.load()
        if desk.looks == 1:
            asked.set()
            await answer.wait()
        return found

    membership = make(reload_seconds=60)
    membership._stored = slow
    first = asyncio.ensure_future(membership.ready())
    await asked.wait()
    desk.stored = (relay("bob"),)
    membership.nudge()
    answer.set()
    await first
    await until(lambda: names(membership) == ["bob"])


async def test_a_route_for_each_key_whose_relay_offers_the_model(make: Make, desk: Desk) -> None:
    desk.stored = (
        relay("bob", key_label="one"),
        relay("bob", key_label="two"),
        relay("charlie", priority=20),
        relay("dora", models=("other-*",)),
    )
    relays = RelayDirectory(make(ENVIRONMENT))
    routes = await relays.routes("gpt-4.1")
    found = [(r.client.settings.name, r.client.settings.key_label) for r in routes]
    assert found == [("relay", ""), ("bob", "one"), ("bob", "two"), ("charlie", "main")]
    assert len({id(route.gate) for route in routes}) == 4
    (only,) = await relays.routes("charlie-only")
    assert (only.client.settings.name, only.model) == ("charlie", "charlie-only")
    await relays.aclose()


async def test_models_come_and_go_with_their_relay(make: Make, desk: Desk) -> None:
    relays = RelayDirectory(make())
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
