"""Two engines, one of which runs no turns: what goes over the bus, and what does without it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from chat.services.intents import Admitted
from chat.turns import handover
from chat.turns.bus import LookForWork
from chat.turns.bus.memory import MemoryBus, MemoryNetwork
from chat.turns.engine import Engine
from tests.turns.doubles import (
    FAST,
    MemoryRecords,
    StepRelay,
    admitted,
    seams,
    until,
    whole_answer,
)


class Desk:
    """One table of handovers for all processes; `alive` are those that take turns."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, tuple[str, Admitted]] = {}
        self.alive: list[str] = []
        self.error: Exception | None = None
        self.looks = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def put(self, node: str) -> Admitted:
        turn = admitted(node=node)
        self.waiting[turn.turn_id] = node, turn
        return turn

    async def leave(self, admit: Callable[..., Any]) -> Any:
        raise NotImplementedError

    async def take(self, node: str) -> Sequence[Admitted]:
        self.looks += 1
        if self.error is not None:
            raise self.error
        found = [turn for to, turn in self.waiting.values() if to == node]
        for turn in found:
            del self.waiting[turn.turn_id]
        return found

    async def hand_on(self, node: str) -> Mapping[UUID, str]:
        await self.gate.wait()
        others = [each for each in self.alive if each != node]
        moved = {id: others[0] for id, (to, _) in self.waiting.items() if to == node and others}
        for id, to in moved.items():
            self.waiting[id] = to, self.waiting[id][1]
        return moved

    async def give_up(self) -> int:
        return 0


class Company:
    """A web process and two runners."""

    def __init__(self, look_seconds: float) -> None:
        self.desk, self.network = Desk(), MemoryNetwork()
        self.relay = StepRelay()
        self.engines = {
            name: self._engine(name, look_seconds) for name in ("web", "first", "second")
        }
        self.desk.alive = ["first", "second"]

    def _engine(self, name: str, look_seconds: float) -> Engine:
        return Engine(
            seams(self.relay, records=MemoryRecords(), bus=MemoryBus(self.network)),
            FAST,
            node=name,
            role="web" if name == "web" else "runner",
            beat_seconds=look_seconds,
            max_turns=10,
            last_ends_seconds=0.1,
            desk=self.desk,
        )

    async def start(self) -> None:
        for engine in self.engines.values():
            engine.start()
            await engine.beat.first()

    async def send(self) -> Admitted:
        """As a socket of the web process does."""

        async def store() -> Admitted:
            return self.desk.put("first")

        return await self.engines["web"].admit(store, lambda _: None)

    def running(self, name: str) -> int:
        return len(self.engines[name].running_ids())


async def company_of(look_seconds: float) -> AsyncIterator[Company]:
    made = Company(look_seconds)
    await made.start()
    yield made
    for engine in made.engines.values():
        await engine.aclose()
    this = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not this] == []


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    """What a look finds here was told of: by itself nobody looks."""
    async for made in company_of(look_seconds=3600):
        yield made


@pytest.fixture
async def attentive() -> AsyncIterator[Company]:
    """They look by themselves."""
    async for made in company_of(look_seconds=0.005):
        yield made


async def test_a_runner_takes_a_turn_when_it_is_told(company: Company) -> None:
    turn = await company.send()
    await until(lambda: company.running("first") == 1)
    assert company.running("web") == company.running("second") == 0
    assert company.engines["first"].running_ids() == (turn.turn_id,)
    company.relay.feed(*whole_answer("Hello"))
    await until(lambda: company.running("first") == 0)


async def test_a_runner_that_nobody_told_finds_it_by_itself(attentive: Company) -> None:
    attentive.network.loses = lambda _from, _to: True
    await attentive.send()
    await until(lambda: attentive.running("first") == 1)


async def test_a_database_that_fails_is_asked_again(attentive: Company) -> None:
    attentive.desk.error = RuntimeError("away")
    await attentive.send()
    looks = attentive.desk.looks
    await until(lambda: attentive.desk.looks > looks + 1)
    assert attentive.running("first") == 0
    attentive.desk.error = None
    await until(lambda: attentive.running("first") == 1)


async def test_a_runner_that_drains_hands_on_what_it_has_not_begun(company: Company) -> None:
    turn = company.desk.put("first")
    await company.engines["first"].drain(0)
    await until(lambda: company.running("second") == 1)
    assert LookForWork("first", turn.turn_id) in [each for _, _, each in company.network.carried]


async def test_the_last_runner_ends_what_nobody_else_can_take(company: Company) -> None:
    company.desk.alive = ["first"]
    company.desk.put("first")
    await company.engines["first"].drain(0)
    assert not company.desk.waiting
    assert company.running("first") == 0


async def test_a_database_that_never_answers_keeps_no_runner_from_its_end(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "LAST_LOOK_SECONDS", 0.01)
    company.desk.gate.clear()
    async with asyncio.timeout(60):
        await company.engines["first"].drain(0)
        await company.engines["first"].aclose()
    company.desk.gate.set()


async def test_what_a_slow_database_gives_while_a_runner_drains_is_run(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "LAST_LOOK_SECONDS", 0.01)
    company.desk.alive = ["first"]
    company.desk.gate.clear()
    company.desk.put("first")
    first = company.engines["first"]
    draining = asyncio.create_task(first.drain(60))
    await until(lambda: first.draining)
    company.desk.gate.set()
    await until(lambda: company.running("first") == 1)
    company.relay.feed(*whole_answer("Hello"))
    await draining
    assert company.running("first") == 0
