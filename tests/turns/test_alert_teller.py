"""A running process has the spend alerts told by itself."""

import asyncio

from chat.turns.alert_teller import AlertTeller


async def test_it_looks_again_and_again_also_after_a_failure() -> None:
    looks: asyncio.Queue[None] = asyncio.Queue()
    failures = [ConnectionError(), TimeoutError()]

    async def deliver() -> None:
        looks.put_nowait(None)
        if failures:
            raise failures.pop()

    teller = AlertTeller(deliver, look_seconds=0.001)
    teller.start()
    async with asyncio.timeout(5):
        for _ in range(4):
            await looks.get()
    await teller.aclose()
    after = looks.qsize()
    await asyncio.sleep(0)
    assert looks.qsize() == after


async def test_an_end_before_a_start_is_nothing() -> None:
    await AlertTeller().aclose()
