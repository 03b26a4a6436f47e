"""A bus that loses Redis: it says so, waits for nobody, and comes back by itself."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from chat.turns.bus.publisher import Publisher
from chat.turns.metrics import REGISTRY
from tests.faults.door import Door
from tests.processes import free_port
from tests.services.servers import valkey
from tests.turns.bus.listening import Process, eventually, process

pytestmark = pytest.mark.services


async def test_after_a_restart_of_redis_the_listener_comes_back(tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    reconnects = REGISTRY.get_sample_value("tram_bus_reconnects_total") or 0.0
    async with Process(url) as a, Process(url) as b:
        with capture_logs() as logs:
            with valkey(tmp_path, port):
                await eventually(lambda: a.bus.alive and b.bus.alive)
                assert await a.bus.send(b.name, a.say(1))
                await eventually(lambda: b.numbers == [1])
            await eventually(lambda: not a.bus.alive and not b.bus.alive)
            assert not await a.bus.send(b.name, a.say(2))
            assert not await a.bus.tell_all(a.say(3))
            with valkey(tmp_path, port):
                await eventually(lambda: a.bus.alive and b.bus.alive)
                assert await a.bus.send(b.name, a.say(4))
                await eventually(lambda: b.numbers == [1, 4])
    assert (REGISTRY.get_sample_value("tram_bus_reconnects_total") or 0.0) >= reconnects + 2
    lost = [entry["event"] for entry in logs if entry["event"] == "bus_without_redis"]
    back = [entry["event"] for entry in logs if entry["event"] == "bus_with_redis_again"]
    # One line each for an outage, and before that at most one for not having begun together.
    assert 2 <= len(lost) <= 4
    assert len(back) == len(lost)


async def test_a_connection_that_swallows_everything_is_noticed_by_the_probe(
    valkey_url: str,
) -> None:
    port = int(valkey_url.rsplit(":", 1)[1].split("/")[0])
    async with (
        Door(port) as door,
        process(f"redis://127.0.0.1:{door.port}/0", probe_seconds=0.2) as a,
        process(valkey_url) as b,
    ):
        door.swallow()
        await eventually(lambda: not a.bus.alive)
        # Nobody waits for a Redis that is known to be away.
        loop = asyncio.get_running_loop()
        began = loop.time()
        results = [await a.bus.send(b.name, a.say(n)) for n in range(50)]
        assert results == [False] * 50
        print(f"50 sends without Redis took {loop.time() - began:.2f} s")
        await door.open()
        await eventually(lambda: a.bus.alive)
        assert await a.bus.send(b.name, a.say(99))
        assert await b.bus.send(a.name, b.say(98))
        await eventually(lambda: a.numbers == [98] and 99 in b.numbers)


async def test_a_send_that_fails_is_doubt_and_the_probe_settles_it(valkey_url: str) -> None:
    port = int(valkey_url.rsplit(":", 1)[1].split("/")[0])
    async with Door(port) as door, process(f"redis://127.0.0.1:{door.port}/0") as a:
        # The next probe would come in an hour.
        door.swallow()
        assert not await a.bus.send("nobody", a.say(1))
        assert not a.bus.alive
        await door.open()
        await eventually(lambda: a.bus.alive)


async def test_a_bus_that_begins_before_redis_is_not_alive_and_closes_cleanly() -> None:
    before = asyncio.all_tasks()
    async with Process(f"redis://127.0.0.1:{free_port()}/0") as a:
        assert not a.bus.alive
        assert not await a.bus.tell_all(a.say(1))
        assert not a.bus.alive
    assert asyncio.all_tasks() == before


async def test_an_idle_bus_stays_connected(valkey_url: str) -> None:
    async with process(valkey_url) as a, process(valkey_url) as b:
        with capture_logs() as logs:
            # redis-py 8 waits 5 s for what it reads, and must not drop what nobody reads.
            await asyncio.sleep(6)
            assert a.bus.alive
            assert b.bus.alive
            assert await a.bus.send(b.name, a.say(1))
            await eventually(lambda: b.numbers == [1])
        assert logs == []


async def test_nothing_is_left_after_the_end(valkey_url: str) -> None:
    before = asyncio.all_tasks()
    async with process(valkey_url) as a, process(valkey_url) as b:
        assert await a.bus.send(b.name, a.say(1))
        sending = asyncio.create_task(a.bus.send(b.name, a.say(2)))
        await asyncio.sleep(0)
    assert await asyncio.wait_for(sending, 60) in (True, False)
    assert asyncio.all_tasks() == before
    assert not a.bus.alive
    assert not await a.bus.send(b.name, a.say(3))


async def test_a_fault_that_nobody_foresaw_does_not_end_the_publishing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher = Publisher(f"redis://127.0.0.1:{free_port()}/0", 16, lambda _error: None)

    def broken(**_options: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(publisher._redis, "pipeline", broken)
    monkeypatch.setattr(publisher._redis.connection_pool, "disconnect", broken)
    publisher.start()
    async with asyncio.timeout(60):
        with capture_logs() as logs:
            for _ in range(2):
                assert not await publisher.publish("somebody", [b"word"], although_paused=True)
    assert [entry["event"] for entry in logs] == ["bus_publisher_failed"] * 2
    await publisher.aclose()
