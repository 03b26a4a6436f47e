"""Which relays turns may go to: what changes when administrators change them, and what stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.relay.breaker import Breaker
from chat.relay.gates import Gate, OpenGate
from chat.relay.settings import RelaySettings
from tests.turns.relay_desk import ENVIRONMENT, Desk, names, open_desk, relay, until


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_the_environment_comes_first_then_the_stored_ones_by_priority(desk: Desk) -> None:
    desk.stored = (relay("charlie", priority=20), relay("bob"), relay("alice", priority=-1))
    membership = desk.membership(ENVIRONMENT)
    assert names(membership) == ["relay"]
    await membership.ready()
    assert names(membership) == ["alice", "relay", "bob", "charlie"]


async def test_the_first_who_ask_wait_until_the_database_was_asked(desk: Desk) -> None:
    desk.stored = (relay("bob"),)
    membership = desk.membership(reload_seconds=60)
    await asyncio.gather(membership.ready(), membership.ready())
    assert (names(membership), desk.looks) == (["bob"], 1)


async def test_what_did_not_change_keeps_client_gate_and_breaker(desk: Desk) -> None:
    desk.stored = (relay("alice"), relay("bob"))
    membership = desk.membership(ENVIRONMENT)
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
    desk: Desk, change: dict[str, Any], keeps_gate: bool, keeps_breaker: bool
) -> None:
    desk.stored = (relay("bob"),)
    membership = desk.membership(gate_for=lambda _: OpenGate())
    await membership.ready()
    (before,) = membership.clients
    gate, breaker = membership.limits_of(before)
    desk.stored = (relay("bob", **change),)
    await until(lambda: membership.clients[0] is not before)
    (after,) = membership.clients
    now: tuple[Gate, Breaker] = membership.limits_of(after)
    assert ((now[0] is gate), (now[1] is breaker)) == (keeps_gate, keeps_breaker)


async def test_a_changed_relay_has_its_models_before_it_takes_over(desk: Desk) -> None:
    desk.stored = (relay("bob"),)
    membership = desk.membership()
    await membership.ready()
    (before,) = membership.clients
    desk.stored = (relay("bob", weight=2),)
    await until(lambda: membership.clients[0] is not before)
    assert membership.clients[0].catalogue.copy() is not None


async def test_a_client_that_leaves_is_closed_only_after_its_answers_ended(desk: Desk) -> None:
    desk.stored = (relay("alice"), relay("bob"))
    membership = desk.membership()
    await membership.ready()
    alice, bob = membership.clients
    with membership.held([alice]), membership.held([alice]):
        desk.stored = ()
        await until(lambda: desk.was_closed(bob))
        assert membership.clients == ()
        assert not desk.was_closed(alice)
        assert membership.limits_of(alice)
    await until(lambda: desk.was_closed(alice))


async def test_a_database_that_fails_leaves_the_last_set(desk: Desk) -> None:
    desk.stored = (relay("bob"),)
    membership = desk.membership(ENVIRONMENT)
    await membership.ready()
    desk.stored = OSError("The database is away.")
    looks = desk.looks
    await until(lambda: desk.looks > looks + 2)
    assert names(membership) == ["relay", "bob"]
    desk.stored = ()
    await until(lambda: names(membership) == ["relay"])


async def test_a_database_that_fails_at_the_start_leaves_the_environment(desk: Desk) -> None:
    desk.stored = OSError("The database is away.")
    membership = desk.membership(ENVIRONMENT)
    await membership.ready()
    assert names(membership) == ["relay"]


async def test_a_nudge_is_heeded_at_once(desk: Desk) -> None:
    membership = desk.membership(reload_seconds=60)
    await membership.ready()
    desk.stored = (relay("bob"),)
    membership.nudge()
    await until(lambda: names(membership) == ["bob"])


async def test_a_change_while_relays_are_looked_for_is_not_lost(desk: Desk) -> None:
    """A nudge that comes while the database is being asked makes it be asked once more."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> tuple[RelaySettings, ...]:
        found = await desk.load()
        if desk.looks == 1:
            asked.set()
            await answer.wait()
        return found

    membership = desk.membership(reload_seconds=60)
    membership._stored = slow
    first = asyncio.ensure_future(membership.ready())
    await asked.wait()
    desk.stored = (relay("bob"),)
    membership.nudge()
    answer.set()
    await first
    await until(lambda: names(membership) == ["bob"])


async def test_a_change_that_cannot_be_made_is_tried_again(desk: Desk) -> None:
    def fails_once(settings: RelaySettings) -> Gate:
        if desk.looks == 1:
            raise RuntimeError("Nothing is connected yet.")
        return OpenGate()

    desk.stored = (relay("bob"),)
    membership = desk.membership(gate_for=fails_once)
    await membership.ready()
    assert names(membership) == []
    await until(lambda: names(membership) == ["bob"])


async def test_an_end_in_the_middle_of_a_change_leaves_no_client_open(desk: Desk) -> None:
    desk.stored = (relay("bob"),)
    membership = desk.membership()
    await membership.ready()
    desk.slow = True
    desk.stored = (relay("bob", weight=2),)
    await until(lambda: len(desk.documents) == 2)
    await membership.aclose()
