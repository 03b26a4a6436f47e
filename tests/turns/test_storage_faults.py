"""SQLite under a long reader, a backup and a full disk: nobody waits, nothing is lost or broken."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections

from accounts.policy import Principal
from billing.budgets import budget_of
from chat.models import Turn
from chat.services.intents import Admitted
from chat.turns.bus import NoBus
from chat.turns.engine import Engine, Seams
from chat.turns.journal import Rhythm
from chat.turns.records import DatabaseTurnRecords
from chat.turns.spool import Spool
from chat.turns.store import DatabaseChunkStore
from tests.chat.admitting import send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced
from tests.people import Cast
from tests.turns.doubles import Client, NothingElsewhere, StepRelay, until, whole_answer

__all__ = ["alice", "people", "priced"]
ON_POSTGRESQL = bool(settings.SITE.database_url)
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(ON_POSTGRESQL, reason="what SQLite does"),
]
RHYTHM = Rhythm(interval_seconds=0, stall_seconds=0.1, stop_seconds=0.5, retry_seconds=0.05)
FULL_AT_BYTES = 8192
"""Not one commit fits; a spool file does."""


class Site:
    """An engine over the real database, before one relay and one client."""

    def __init__(self, folder: Path) -> None:
        self.relay, self.client = StepRelay(), Client()
        self.engine = Engine(
            Seams(
                self.relay,
                DatabaseChunkStore(),
                DatabaseTurnRecords(),
                NothingElsewhere(),
                NoBus(),
            ),
            RHYTHM,
            node="here",
            beat_seconds=0.05,
            alone=True,
            max_turns=5,
            spool=Spool(folder / "spool"),
        )
        self.engine.start()

    async def run(self, turn: Admitted) -> None:
        self.engine.hub.attach(self.client.viewer, turn.conversation_id)

        async def stored() -> Admitted:
            return turn

        await self.engine.admit(stored, lambda _: None)

    def told(self, word: str) -> bool:
        return any(word in frame for frame in self.client.frames)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.engine.beat.first()
    pump = asyncio.create_task(made.client.viewer.pump())
    yield made
    pump.cancel()
    await asyncio.wait({pump})
    await made.engine.aclose()


@pytest.fixture
def turn(alice: Principal) -> Admitted:
    return send(alice)


def database() -> str:
    return str(connection.settings_dict["NAME"])


async def stored(turn: Admitted) -> Any:
    def read() -> Any:
        try:
            return Turn.objects.select_related("assistant_message").get(pk=turn.turn_id)
        finally:
            connections.close_all()

    return await sync_to_async(read)()


async def test_a_long_reader_and_a_backup_hold_nobody_up(
    site: Site, turn: Admitted, tmp_path: Path
) -> None:
    reader = sqlite3.connect(database())
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM chat_turn").fetchone()
    await site.run(turn)
    site.relay.feed("It ", "was ")
    await until(lambda: site.told("was"), 60)
    with sqlite3.connect(database()) as source, sqlite3.connect(tmp_path / "copy") as copy:
        source.backup(copy, pages=5, progress=lambda *_: site.relay.feed("on "))
    site.relay.feed(*whole_answer("night"))
    await until(lambda: site.told('"done"'), 60)
    reader.close()
    ended = await stored(turn)
    assert ended.state == "completed"
    assert ended.assistant_message.content.endswith("night")
    assert site.engine.journal_stall_seconds() == 0
    assert sqlite3.connect(tmp_path / "copy").execute("PRAGMA integrity_check").fetchone() == (
        "ok",
    )


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows beyond a little."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_AT_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_stops_the_turn_and_loses_nothing(
    site: Site, turn: Admitted, people: Cast, tmp_path: Path
) -> None:
    spool = tmp_path / "spool" / f"{turn.turn_id}.json"
    await site.run(turn)
    site.relay.feed("It was ")
    await until(lambda: site.told("It was"), 60)
    with full_disk():
        site.relay.feed("a dark night")
        await until(lambda: site.told("dark"), 60)
        await until(site.relay.closed.is_set, 60)
        await until(site.engine.beat.storage_fails, 60)
        await until(spool.exists, 60)
        assert site.told('"waiting"')
        assert site.engine.running_ids() == (turn.turn_id,)
    await until(lambda: site.told('"done"'), 60)
    assert not spool.exists()
    ended = await stored(turn)
    assert (ended.state, ended.error_code) == ("failed", "storage_unavailable")
    assert ended.assistant_message.content == "It was a dark night"
    with sqlite3.connect(database()) as looking:
        assert looking.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def held() -> int:
        try:
            return budget_of(people.team.pk).held_nano_usd
        finally:
            connections.close_all()

    assert await sync_to_async(held)() == 0
