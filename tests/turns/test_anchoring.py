"""The server anchors the ledger by itself, and a failure to do so ends nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Team
from billing.anchors import write_anchors
from billing.errors import AnchorsNotWritten
from chat.crossing import cross
from chat.turns import anchoring
from chat.turns.anchoring import DailyAnchors


@pytest.mark.django_db(transaction=True)
async def test_the_first_look_of_a_day_anchors_and_the_next_ones_add_nothing(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEDGER_ANCHORS_DIR = tmp_path
    settings.SIGNUP_CREDIT_USD = "5"
    await cross(Team.objects.create, name="Tram")
    written: list[int] = []
    loop, enough = asyncio.get_running_loop(), asyncio.Event()

    def write(only_first_of_day: bool) -> None:
        written.append(write_anchors(only_first_of_day))
        Team.objects.create(name="Another")
        if len(written) == 2:
            loop.call_soon_threadsafe(enough.set)

    monkeypatch.setattr(anchoring, "write_anchors", write)
    daily = DailyAnchors(first_look_seconds=0, look_seconds=0)
    daily.start()
    async with asyncio.timeout(20):
        await enough.wait()
    await daily.aclose()
    assert written[:2] == [1, 0]
    (file,) = tmp_path.iterdir()
    assert len(file.read_bytes().splitlines()) == 1


async def test_a_look_that_fails_is_tried_again() -> None:
    looks: list[int] = []
    enough = asyncio.Event()

    async def anchor() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise AnchorsNotWritten
        enough.set()

    daily = DailyAnchors(anchor, first_look_seconds=0, look_seconds=0)
    daily.start()
    async with asyncio.timeout(5):
        await enough.wait()
    await daily.aclose()
