"""Places that processes share: fair between them, freed by a death, bounded without Redis."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from chat.turns.limits.gate import LimitedGate
from chat.turns.limits.link import Link
from chat.turns.limits.meter import KeyLimits
from chat.turns.limits.pace import Pace
from chat.turns.limits.shared import PREFIX, SharedMeter
from tests.processes import Child, free_port, wait_for_line
from tests.services.servers import valkey
from tests.turns.doubles import until
from tests.turns.limiting import ALICE, BOB, Bench, Visit, bench, claim, enters_at_once

pytestmark = pytest.mark.services
ONE_STREAM = KeyLimits(concurrent_streams=1)


@pytest.fixture
async def counts(valkey_url: str) -> AsyncIterator[Bench]:
    async with bench(valkey_url) as made:
        yield made


def commands(url: str) -> int:
    """Scripts that the server ran."""
    with redis.Redis.from_url(url) as client:
        stats: Any = client.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


async def test_a_killed_process_frees_its_places(
    counts: Bench, valkey_url: str, tmp_path: Path
) -> None:
    child = Child(
        *("-m", "tests.turns.one_gate", valkey_url, counts.name, "2", "1.5"),
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        log=tmp_path / "child.log",
    )
    child.start()
    try:
        await asyncio.to_thread(wait_for_line, child, re.compile(r"taken (\d)"))
        gate = counts.gate(KeyLimits(concurrent_streams=2))
        visit = Visit(gate, claim())
        # It renews its leases for as long as it lives.
        await asyncio.sleep(2.5)
        assert (visit.positions, visit.through.is_set()) == ([1], False)
    finally:
        child.kill()
    killed_at = time.monotonic()
    await visit.goes_through(seconds=4)
    assert time.monotonic() - killed_at < 2.5


async def test_a_clock_that_is_set_back_closes_no_key(counts: Bench) -> None:
    limits = KeyLimits(requests_per_minute=1, tokens_per_minute=100, concurrent_streams=1)
    gone, gate = counts.processes(2, limits)
    taken = Visit(gone, claim(tokens=100))
    await taken.goes_through()
    waiting = Visit(gone, claim())
    await until(lambda: waiting.notices)
    await gone.hold_off(100)
    await until(lambda: not gone._chores)
    assert not await enters_at_once(gate, claim())
    # As a server sees it whose clock goes back by an hour, while the first process was killed.
    gone._meter._renewing.cancel()  # type: ignore[attr-defined]
    await waiting.give_up()
    assert counts.redis is not None
    await until(lambda: not gone._chores)
    await counts.redis.zadd(counts.key("heads"), {"killed": 1})
    await counts.redis.zadd(counts.key("fresh"), {"killed": time.time() * 1000})
    await counts.pass_seconds(-3600)
    assert await enters_at_once(gate, claim())
    assert not await enters_at_once(gate, claim())


async def test_processes_are_served_in_turn(counts: Bench) -> None:
    first, second = counts.gate(ONE_STREAM), counts.gate(ONE_STREAM)
    running = Visit(first, claim(ALICE))
    await running.goes_through()
    alice = [Visit(first, claim(ALICE)) for _ in range(5)]
    await until(lambda: all(visit.notices for visit in alice))
    bob = Visit(second, claim(BOB))
    await until(lambda: bob.notices)
    await running.leave()
    await alice[0].goes_through()
    await alice[0].leave()
    await bob.goes_through()
    assert not any(visit.through.is_set() for visit in alice[1:])


async def test_a_process_whose_turns_gave_up_is_not_waited_for(counts: Bench) -> None:
    first, second = counts.gate(ONE_STREAM), counts.gate(ONE_STREAM)
    running = Visit(first, claim(ALICE))
    await running.goes_through()
    alice, bob = Visit(first, claim(ALICE)), Visit(second, claim(BOB))
    await until(lambda: alice.notices and bob.notices)
    await alice.give_up()
    await running.leave()
    await bob.goes_through(seconds=1)


async def test_waiting_costs_next_to_nothing(counts: Bench, valkey_url: str) -> None:
    gate = counts.gate(ONE_STREAM)
    await Visit(gate, claim()).goes_through()
    visits = [Visit(gate, claim(person=i)) for i in range(50)]
    await until(lambda: all(visit.notices for visit in visits))
    before, cpu_seconds = commands(valkey_url), time.process_time()
    await asyncio.sleep(2)
    assert commands(valkey_url) - before <= 2 * 6
    assert time.process_time() - cpu_seconds < 0.5


def test_many_busy_keys_share_the_polls() -> None:
    pace = Pace()
    assert pace.seconds == pytest.approx(0.2)
    for key in range(50):
        pace.note(key)
    assert 50 / pace.seconds <= 10


async def test_an_idle_connection_is_good_for_the_next_turn(counts: Bench) -> None:
    gate = counts.gate(ONE_STREAM)
    with capture_logs() as logs:
        visit = Visit(gate, claim())
        await visit.goes_through()
        await visit.leave()
        # redis-py 8 waits 5 s for what it reads, and must not drop what nobody reads.
        await asyncio.sleep(6)
        assert await enters_at_once(gate, claim())
    assert logs == []


async def test_without_redis_the_limits_hold_for_each_process() -> None:
    link = Link(f"redis://127.0.0.1:{free_port()}/0")
    limits = KeyLimits(requests_per_minute=3)
    gates = [LimitedGate(SharedMeter(link, name), limits, queue_seconds=90) for name in "ab"]
    with capture_logs() as logs:
        began = time.monotonic()
        for gate in gates:
            assert [await enters_at_once(gate, claim()) for _ in range(4)] == [True] * 3 + [False]
        assert time.monotonic() - began < 2
        for gate in gates:
            await gate.aclose()
    await link.aclose()
    # Once, however many keys and turns there were.
    assert [entry["event"] for entry in logs] == ["limits_without_redis"]


async def test_places_had_count_on_when_redis_goes_and_when_it_comes_back(tmp_path: Path) -> None:
    port = free_port()
    link = Link(f"redis://127.0.0.1:{port}/0", pause_seconds=0.2)
    meter = SharedMeter(link, "restart", lease_seconds=0.6)
    gate = LimitedGate(meter, KeyLimits(concurrent_streams=2), queue_seconds=30)
    with valkey(tmp_path, port):
        first = Visit(gate, claim())
        await first.goes_through()
    with capture_logs() as logs:
        second, third = Visit(gate, claim()), Visit(gate, claim())
        await second.goes_through()
        # Its neighbour had the second place: so the first one is counted here too.
        await until(lambda: third.positions[-1:] == [1])
        await first.leave()
        await third.goes_through()
    assert [entry["event"] for entry in logs] == ["limits_without_redis"]
    with capture_logs() as logs, valkey(tmp_path, port) as server:
        await eventually(lambda: any(e["event"] == "limits_with_redis_again" for e in logs))
        await eventually(lambda: leases(server.url, "restart") == 2)
        assert not await enters_at_once(gate, claim())
        await gate.aclose()
        assert leases(server.url, "restart") == 0
        await link.aclose()


def leases(url: str, name: str) -> int:
    """Places that Redis counts."""
    with redis.Redis.from_url(url) as client:
        return int(client.zcard(f"{PREFIX}:{{{name}}}:leases"))


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)
