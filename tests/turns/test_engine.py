"""The engine owns a turn from its admission to its settlement, whatever becomes of who asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from django.db import OperationalError

from chat.services.ending import TurnEnd
from chat.services.errors import Restarting, TooManyTurns
from chat.services.intents import Admitted
from chat.turns.engine import Engine
from tests.turns.doubles import (
    FAST,
    Client,
    MemoryRecords,
    StepRelay,
    admitted,
    seams,
    until,
    whole_answer,
)


class Site:
    """An engine over doubles; `send` asks for a turn as a socket does."""

    def __init__(self) -> None:
        self.relay = StepRelay()
        self.records = MemoryRecords()
        self.stored = asyncio.Event()
        self.stored.set()
        self.told: list[UUID] = []
        self.engine = Engine(
            seams(self.relay, records=self.records),
            FAST,
            node="here",
            beat_seconds=0.005,
            max_turns=2,
            last_ends_seconds=0.1,
            after=self._follow,
        )
        self.followed: list[TurnEnd] = []
        self.engine.start()

    async def _follow(self, end: TurnEnd) -> None:
        self.followed.append(end)
        raise RuntimeError("a fault in what comes after")

    async def send(self, turn: Admitted | None = None, by: Client | None = None) -> Admitted:
        wanted = turn or admitted()

        async def store() -> Admitted:
            await self.stored.wait()
            return wanted

        return await self.engine.admit(
            store, lambda got: self.told.append(got.turn_id), by.viewer if by else None
        )

    def running(self) -> int:
        return len(self.engine.running_ids())


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.engine.beat.first()
    yield made
    await made.engine.aclose()
    this = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not this] == []


async def test_a_turn_that_is_stored_runs_though_who_asked_for_it_left(site: Site) -> None:
    site.stored.clear()
    asking = asyncio.create_task(site.send())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    site.stored.set()
    site.relay.feed(*whole_answer("Hello"))
    await until(lambda: site.records.ends)
    assert site.records.ends[0].state == "completed"


async def test_a_fault_after_the_end_changes_nothing_that_was_told(site: Site) -> None:
    alice = Client()
    site.relay.feed(*whole_answer("Hello"))
    turn = await site.send(by=alice)
    site.engine.hub.attach(alice.viewer, turn.conversation_id)
    pumping = asyncio.create_task(alice.viewer.pump())
    await until(lambda: site.followed and not site.running())
    await until(lambda: any('"done"' in frame for frame in alice.frames))
    pumping.cancel()
    await asyncio.wait({pumping})
    assert not any('"error"' in frame and "internal_error" in frame for frame in alice.frames)


async def test_a_turn_that_is_being_stored_when_the_drain_begins_is_settled(site: Site) -> None:
    site.stored.clear()
    asking = asyncio.create_task(site.send())
    await asyncio.sleep(0)
    draining = asyncio.create_task(site.engine.drain(0.01))
    await asyncio.sleep(0.02)
    assert not draining.done()
    site.stored.set()
    await asyncio.wait({asking, draining})
    assert [(end.state, end.error_code) for end in site.records.ends] == [
        ("interrupted", "restarting")
    ]


async def test_a_refused_admission_leaves_nothing_behind(site: Site) -> None:
    async def refuse() -> Admitted:
        raise TooManyTurns

    with pytest.raises(TooManyTurns):
        await site.engine.admit(refuse, lambda _: None)
    async with asyncio.timeout(1):
        await site.engine.drain(5)


async def test_a_draining_server_takes_no_turn(site: Site) -> None:
    await site.engine.drain(0)
    with pytest.raises(Restarting):
        await site.send()


async def test_a_process_runs_so_many_turns_and_no_more(site: Site) -> None:
    site.stored.clear()
    first = asyncio.create_task(site.send())
    second = asyncio.create_task(site.send())
    await asyncio.sleep(0)
    with pytest.raises(TooManyTurns):
        await site.send()
    site.stored.set()
    await asyncio.wait({first, second})
    with pytest.raises(TooManyTurns):
        await site.send()
    assert site.running() == 2


async def test_the_client_is_told_before_the_turn_begins(site: Site) -> None:
    order: list[str] = []
    turn = admitted(prefix="It was ")

    async def store() -> Admitted:
        return turn

    def tell(_: Admitted) -> None:
        order.append("running" if site.running() else "told first")

    await site.engine.admit(store, tell)
    assert order == ["told first"]


async def test_a_database_that_comes_back_gets_the_end_once(site: Site) -> None:
    site.records.error = OperationalError("gone")
    await site.send()
    site.relay.feed(*whole_answer("Hello"))
    await until(lambda: site.records.failures)
    site.records.error = None
    await until(lambda: site.records.ends)
    await until(lambda: not site.running())
    assert len(site.records.ends) == 1


async def test_a_database_that_stays_away_does_not_keep_the_process_from_ending(
    site: Site,
) -> None:
    site.records.error = OperationalError("gone")
    await site.send()
    async with asyncio.timeout(5):
        await site.engine.aclose()
    assert not site.running()


async def test_who_watches_is_told_when_an_end_could_not_be_stored(site: Site) -> None:
    turn, client = admitted(), Client()
    site.engine.hub.attach(client.viewer, turn.conversation_id)
    pump = asyncio.create_task(client.viewer.pump())
    site.records.error = ValueError("a fault of ours")
    await site.send(turn)
    site.relay.feed(*whole_answer("Hello"))
    await until(lambda: not site.running())
    await until(lambda: '"error"' in client.frames[-1])
    told = json.loads(client.frames[-1])
    assert (told["code"], told["turn"]) == ("internal_error", str(turn.turn_id))
    assert "fault" not in told["message"]
    pump.cancel()
    await asyncio.wait({pump})


async def test_a_turn_that_must_stop_by_the_database_is_stopped(site: Site) -> None:
    turn = await site.send()
    site.records.wanted[turn.turn_id] = 42
    await until(lambda: site.records.ends)
    assert (site.records.ends[0].state, site.records.ends[0].interrupted_by_id) == (
        "interrupted",
        42,
    )


async def test_a_failing_question_does_not_end_the_beat(site: Site) -> None:
    turn = await site.send()
    site.records.error = ValueError("odd")
    await until(lambda: site.records.questions >= 2)
    site.records.error = None
    site.records.wanted[turn.turn_id] = None
    await until(lambda: site.records.ends)


async def test_a_database_that_hangs_is_not_asked_again_and_again(site: Site) -> None:
    turn = await site.send()
    site.records.gate.clear()
    asked = site.records.questions
    await until(lambda: site.records.questions > asked)
    await asyncio.sleep(0.05)
    assert site.records.questions == asked + 1
    site.records.wanted[turn.turn_id] = 1
    site.records.gate.set()
    await until(lambda: site.records.ends)


async def test_a_goodbye_that_fails_does_not_stop_the_drain(site: Site) -> None:
    said: list[str] = []

    async def fail() -> None:
        raise OSError("closed")

    async def leave() -> None:
        said.append("bye")

    site.engine.goodbyes |= {fail, leave}
    await site.engine.drain(0)
    assert said == ["bye"]
