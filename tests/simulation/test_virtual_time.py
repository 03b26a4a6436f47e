"""Time jumps, order is kept, and processes stop, wake and die as those of a machine do."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.simulation.virtual_time import Process, Stuck, VirtualLoop

Log = list[tuple[str, float]]


async def tick(process: str, log: Log) -> None:
    while True:
        await asyncio.sleep(1)
        log.append((process, asyncio.get_running_loop().time()))


def play(story: Callable[[VirtualLoop, Process, Log], Awaitable[None]]) -> Log:
    loop, log = VirtualLoop(), Log()
    process = Process("a", loop)

    async def tell() -> None:
        await story(loop, process, log)
        await process.bury()

    loop.run(tell())
    loop.close()
    assert loop.failures == []
    return log


def end(loop: VirtualLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run(asyncio.sleep(0))
    loop.close()


def test_what_would_happen_in_a_stop_happens_at_the_waking() -> None:
    async def story(_loop: VirtualLoop, process: Process, log: Log) -> None:
        process.spawn(tick("a", log), "ticking")
        await asyncio.sleep(1.5)
        process.stop()
        await asyncio.sleep(10)
        process.wake(timers_last=True)
        await asyncio.sleep(1.2)

    assert play(story) == [("a", 1.0), ("a", 11.5), ("a", 12.5)]


def test_a_killed_process_does_not_even_clean_up() -> None:
    async def hold(log: Log) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            log.append(("cleaned up", asyncio.get_running_loop().time()))

    async def story(loop: VirtualLoop, process: Process, log: Log) -> None:
        process.spawn(hold(log), "holding")
        await asyncio.sleep(1)
        process.kill()
        await asyncio.sleep(200)
        assert log == []

    # Only its burial, after everything was judged, lets it unwind.
    assert play(story) == [("cleaned up", 201.0)]


def test_a_world_in_which_nothing_can_happen_is_stuck() -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    loop = VirtualLoop()
    with pytest.raises(Stuck):
        loop.run(wait_for_ever())
    end(loop)


def test_a_loop_that_never_waits_is_noticed() -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    loop = VirtualLoop()
    with pytest.raises(Stuck):
        loop.run(spin())
    end(loop)
