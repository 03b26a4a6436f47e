"""Turns of dead processes are taken over by those that surely live, once, and others are told."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from django.db import OperationalError

from chat.services.errors import StorageUnavailable
from chat.services.intents import Admitted
from chat.turns.bus import EndedHere, Message
from chat.turns.bus.memory import MemoryBus, MemoryNetwork
from chat.turns.engine import Engine
from tests.turns.doubles import FAST, MemoryRecords, StepRelay, admitted, seams, until

LEASE_SECONDS = 0.1


class Process:
    """An engine over stored turns that it may share with others."""

    def __init__(self, name: str, records: MemoryRecords, network: MemoryNetwork) -> None:
        self.records = records
        self.engine = Engine(
            seams(StepRelay(), records=records, bus=MemoryBus(network)),
            FAST,
            node=name,
            beat_seconds=0.005,
            lease_seconds=LEASE_SECONDS,
            max_turns=2,
        )
        self.engine.start()

    async def past_a_lease(self) -> None:
        """Wait until its lease has held for as long as it must."""
        await until(self.engine.beat.may_adopt)


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork()


@pytest.fixture
async def process(network: MemoryNetwork) -> AsyncIterator[Process]:
    made = Process("here", MemoryRecords(), network)
    yield made
    made.records.error = None
    made.records.gate.set()
    await made.engine.aclose()


async def test_what_is_left_behind_is_settled_and_all_others_are_told(
    process: Process, network: MemoryNetwork
) -> None:
    another = MemoryBus(network)
    another.start("another", lambda _: None)
    left = uuid4()
    process.records.left_behind.append(left)
    await until(lambda: process.records.adopted == [left])
    await until(
        lambda: ("here", "another", EndedHere("here", left)) in network.carried,
    )


async def test_who_takes_over_is_told_as_all_others_are(process: Process) -> None:
    heard: list[Message] = []
    process.engine.orphans.tell_here = heard.append
    left = uuid4()
    process.records.left_behind.append(left)
    await until(lambda: heard == [EndedHere("here", left)])


async def test_who_has_just_begun_takes_nothing_over(process: Process) -> None:
    process.records.left_behind.append(uuid4())
    await process.engine.beat.first()
    assert not process.engine.beat.may_adopt()
    await process.past_a_lease()
    await until(lambda: process.records.adopted)


@pytest.mark.parametrize("age_seconds", [None, 3600.0, -3600.0], ids=["gone", "ahead", "back"])
async def test_a_lease_that_ran_out_by_the_databases_clock_must_hold_anew(
    process: Process, age_seconds: float | None
) -> None:
    await process.past_a_lease()
    process.records.lease_age_seconds = age_seconds
    await until(lambda: not process.engine.beat.may_adopt())
    process.records.left_behind.append(uuid4())
    asked = process.records.questions
    await until(lambda: process.records.questions > asked + 1)
    assert process.records.adopted == []
    process.records.lease_age_seconds = 0.0
    await until(lambda: process.records.adopted)


async def test_after_an_outage_of_the_database_nothing_is_taken_over_at_once(
    process: Process,
) -> None:
    await process.past_a_lease()
    process.records.error = OperationalError("gone")
    await asyncio.sleep(2 * LEASE_SECONDS)
    renewed = process.records.questions
    process.records.error = None
    await until(lambda: process.records.questions > renewed)
    await until(lambda: not process.engine.beat.storage_fails())
    assert not process.engine.beat.may_adopt()
    await process.past_a_lease()


async def test_several_processes_share_the_work_and_each_turn_is_settled_once(
    network: MemoryNetwork,
) -> None:
    records = MemoryRecords()
    processes = [Process(f"process {number}", records, network) for number in range(3)]
    left = [uuid4() for _ in range(250)]
    records.left_behind += left
    await until(lambda: len(records.adopted) == len(left))
    assert sorted(records.adopted) == sorted(left)
    for each in processes:
        await each.engine.aclose()


async def test_a_turn_that_cannot_be_settled_does_not_keep_others_from_it(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, left = uuid4(), uuid4()
    adopt = process.records.adopt

    async def adopt_some(turn_id: object) -> object:
        if turn_id == broken:
            raise ValueError("odd")
        return await adopt(turn_id)  # type: ignore[arg-type]

    monkeypatch.setattr(process.records, "adopt", adopt_some)
    process.records.left_behind += [broken, left]
    await until(lambda: process.records.adopted == [left])


async def test_no_turn_is_admitted_before_the_first_beat(network: MemoryNetwork) -> None:
    records = MemoryRecords()
    records.gate.clear()
    process = Process("here", records, network)
    stored = asyncio.Event()

    async def store() -> Admitted:
        stored.set()
        return admitted()

    asking = asyncio.create_task(process.engine.admit(store, lambda _: None))
    await until(lambda: records.questions)
    await asyncio.sleep(0.02)
    assert not stored.is_set()
    records.gate.set()
    await asking
    await process.engine.aclose()


async def test_while_the_database_is_away_a_send_is_refused_at_once(process: Process) -> None:
    await process.engine.beat.first()
    process.records.error = OperationalError("gone")
    await until(process.engine.beat.storage_fails)
    with pytest.raises(StorageUnavailable):
        await process.engine.admit(_never, lambda _: None)
    process.records.error = None
    await until(lambda: not process.engine.beat.storage_fails())


async def _never() -> Admitted:
    raise AssertionError("the database was asked")


async def test_a_process_that_ends_in_order_gives_up_its_lease_last(
    network: MemoryNetwork,
) -> None:
    process = Process("here", MemoryRecords(), network)
    await process.engine.beat.first()
    await process.engine.aclose()
    assert process.records.released == "here"
