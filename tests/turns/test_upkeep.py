"""What a process does again and again, whatever fails meanwhile: anchoring the ledger, say."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Team
from billing.anchors import write_anchors
from chat.crossing import cross
from chat.turns.upkeep import Upkeep, upkeeps


async def test_it_is_done_again_and_again_also_after_a_failure() -> None:
    looks: asyncio.Queue[None] = asyncio.Queue()
    failures = [ConnectionError(), TimeoutError()]

    async def do() -> None:
        looks.put_nowait(None)
        if failures:
            raise failures.pop()

    upkeep = Upkeep(do, "not_done", seconds=0.001)
    upkeep.start()
    async with asyncio.timeout(5):
        for _ in range(4):
            await looks.get()
    await upkeep.aclose()
    after = looks.qsize()
    await asyncio.sleep(0)
    assert looks.qsize() == after


async def test_an_end_before_a_start_is_nothing() -> None:
    for upkeep in upkeeps():
        await upkeep.aclose()


@pytest.mark.django_db(transaction=True)
async def test_the_first_look_of_a_day_anchors_and_the_next_ones_add_nothing(
    settings: Any, tmp_path: Path
) -> None:
    settings.LEDGER_ANCHORS_DIR = tmp_path
    settings.SIGNUP_CREDIT_USD = "5"
    await cross(Team.objects.create, name="Tram")
    written: list[int] = []
    enough = asyncio.Event()

    async def anchor() -> None:
        written.append(await cross(write_anchors, only_first_of_day=True))
        await cross(Team.objects.create, name="Another")
        if len(written) == 2:
            enough.set()

    daily = Upkeep(anchor, "ledger_not_anchored", seconds=0)
    daily.start()
    async with asyncio.timeout(20):
        await enough.wait()
    await daily.aclose()
    assert written[:2] == [1, 0]
    (file,) = tmp_path.iterdir()
    assert len(file.read_bytes().splitlines()) == 1
