"""Who is there, as processes tell each other over a layer that may go away, in shortened times."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from channels.layers import InMemoryChannelLayer

from chat.consumers import company, switchboard
from chat.consumers.company import Company
from chat.consumers.lines import LineTeller
from chat.consumers.presence import People
from chat.consumers.switchboard import Switchboard
from chat.protocol import Event, Person, Presence
from chat.turns.hub import Hub

ALICE, BOB = Person(1, "Alice"), Person(2, "Bob")
HERE = uuid4()


class Layer(InMemoryChannelLayer):
    """The layer of all processes; while it is `away` every call fails."""

    away = False

    async def group_send(self, group: str, message: Any) -> None:
        if self.away:
            raise ConnectionError
        await super().group_send(group, message)

    async def group_add(self, group: str, channel: str) -> None:
        if self.away:
            raise ConnectionError
        await super().group_add(group, channel)

    def fail(self) -> None:
        """Go away, as Redis does when it is killed: it knows no groups afterwards."""
        self.away = True
        self.groups.clear()


class HubDouble:
    """Who watches one conversation in this process, and what they were told last."""

    def __init__(self) -> None:
        self.on_people: Callable[[UUID], None] = lambda _id: None
        self.here: People = ()
        self.told: list[str] = []

    def people_in(self, _id: UUID) -> People:
        return self.here

    def is_watched(self, _id: UUID) -> bool:
        return bool(self.here)

    def say(self, _id: UUID, event: Event) -> None:
        if isinstance(event, Presence):
            self.told = [person.name for person in event.people]

    def come(self, *people: Person) -> None:
        self.here = people
        self.on_people(HERE)


class LinesDouble:
    def look(self, _id: UUID) -> None:
        """Nobody waits here."""

    def look_at_all(self) -> None:
        """Nobody waits here."""


class Process:
    """One process of the site."""

    def __init__(self, layer: Layer, name: str) -> None:
        self.hub = HubDouble()
        self.switchboard = Switchboard(layer, name)
        lines = cast(LineTeller, LinesDouble())
        self.company = Company(cast(Hub, self.hub), self.switchboard, lines)
        self.switchboard.start()
        self.company.start()

    async def sees(self, *names: str) -> None:
        """Wait until these people are there."""
        async with asyncio.timeout(60):
            while self.hub.told != list(names):
                await asyncio.sleep(0.01)

    async def aclose(self) -> None:
        await self.company.aclose()
        await self.switchboard.aclose()


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Layer:
    monkeypatch.setattr(company, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(company, "ANNOUNCE_SECONDS", 0.1)
    monkeypatch.setattr(company, "EXPIRY_SECONDS", 1.0)
    monkeypatch.setattr(switchboard, "RETRY_SECONDS", 0.02)
    return Layer()


@pytest.fixture
async def two(layer: Layer) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes; Alice is at the first one and Bob at the second one."""
    first, second = Process(layer, "first"), Process(layer, "second")
    first.hub.come(ALICE)
    second.hub.come(BOB)
    for each in (first, second):
        await each.sees("Alice", "Bob")
    yield first, second
    for each in (first, second):
        await each.aclose()


async def test_whoever_leaves_is_gone_and_a_process_that_ends_says_so(
    two: tuple[Process, Process],
) -> None:
    first, second = two
    second.hub.come()
    await first.sees("Alice")
    second.hub.come(BOB)
    await first.sees("Alice", "Bob")
    await second.aclose()
    await first.sees("Alice")


async def test_a_killed_process_takes_its_people_along_after_a_while(
    two: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    # It says nothing any more, as if it were gone.
    monkeypatch.setattr(second.switchboard, "say_elsewhere", lambda *_: None)
    await first.sees("Alice")
    await second.sees("Alice", "Bob")


async def test_a_layer_that_comes_back_brings_everybody_together_again(
    two: tuple[Process, Process], layer: Layer
) -> None:
    first, second = two
    layer.fail()
    await first.sees("Alice")
    await second.sees("Bob")
    second.hub.come(BOB, Person(3, "Charlie"))
    await second.sees("Bob", "Charlie")
    layer.away = False
    for each in (first, second):
        await each.sees("Alice", "Bob", "Charlie")
