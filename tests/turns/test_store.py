"""The journal's storage: every chunk once, only of the owner, on either database."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import connection, connections, transaction

from accounts.policy import Principal
from chat.models import JournalChunk
from chat.protocol import Chunk
from chat.services.intents import Admitted
from chat.services.recovery import recover_turn
from chat.turns.store import DatabaseChunkStore
from tests.chat.admitting import finish, send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced

__all__ = ["alice", "people", "priced"]
T = TypeVar("T")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def store() -> AsyncIterator[DatabaseChunkStore]:
    made = DatabaseChunkStore()
    yield made
    await made.aclose()


@pytest.fixture
def turn(alice: Principal) -> Admitted:
    return send(alice)


def chunks(turn: Admitted, *seqs: int, epoch: int = 1) -> list[Chunk]:
    return [Chunk(turn.turn_id, epoch, seq, seq - 1, "x", "") for seq in seqs]


async def in_thread(act: Callable[[], T]) -> T:
    """Use the ORM, and leave no connection in the thread: the test database is dropped later."""

    def do() -> T:
        try:
            return act()
        finally:
            connections.close_all()

    return await sync_to_async(do)()


async def stored() -> list[int]:
    rows = JournalChunk.objects.order_by("seq").values_list("seq", flat=True)
    return await in_thread(lambda: list(rows))


async def test_chunks_are_stored_in_one_commit(store: DatabaseChunkStore, turn: Admitted) -> None:
    await store.append(chunks(turn, 1, 2, 3))
    assert await stored() == [1, 2, 3]


async def test_a_commit_whose_answer_got_lost_may_be_sent_again(
    store: DatabaseChunkStore, turn: Admitted
) -> None:
    assert not await store.append(chunks(turn, 1, 2))
    assert not await store.append(chunks(turn, 1, 2, 3))
    assert await stored() == [1, 2, 3]


async def test_nothing_is_stored_of_a_turn_that_was_taken_over_or_has_ended(
    store: DatabaseChunkStore, turn: Admitted
) -> None:
    assert await store.append(chunks(turn, 1, epoch=7)) == {turn.turn_id}
    await in_thread(lambda: finish(turn))
    assert await store.append(chunks(turn, 1)) == {turn.turn_id}
    assert await stored() == []


async def test_only_what_was_lost_is_refused(
    store: DatabaseChunkStore, turn: Admitted, alice: Principal
) -> None:
    other = await in_thread(lambda: send(alice))
    await in_thread(lambda: recover_turn(turn.turn_id))
    assert await store.append([*chunks(turn, 1), *chunks(other, 1, 2)]) == {turn.turn_id}
    assert await stored() == [1, 2]


async def test_who_takes_a_turn_over_waits_for_a_commit_under_way(
    store: DatabaseChunkStore, turn: Admitted
) -> None:
    """Else it would miss a chunk that the old owner then shows."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    begun, go_on = threading.Event(), threading.Event()

    def holding_the_row() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM chat_turn WHERE id = %s FOR SHARE", [turn.turn_id])
            begun.set()
            go_on.wait(60)
            JournalChunk.objects.create(
                turn_id=turn.turn_id, epoch=1, seq=1, offset=0, content="shown"
            )
        connections.close_all()

    def recover() -> str:
        ended = recover_turn(turn.turn_id)
        connections.close_all()
        return ended.content if ended else ""

    loop = asyncio.get_running_loop()
    writing = loop.run_in_executor(None, holding_the_row)
    await loop.run_in_executor(None, begun.wait)
    recovering = loop.run_in_executor(None, recover)
    assert await asyncio.wait({recovering}, timeout=0.2) == (set(), {recovering})
    go_on.set()
    await writing
    assert await recovering == "shown"


async def test_after_a_failure_the_next_commit_starts_clean(
    store: DatabaseChunkStore, turn: Admitted
) -> None:
    broken = Chunk(turn.turn_id, 1, 2**70, 0, "x", "")
    with pytest.raises((DatabaseError, OverflowError)):
        await store.append([*chunks(turn, 1), broken])
    await store.append(chunks(turn, 1))
    assert await stored() == [1]


async def test_a_long_reader_does_not_hold_the_journal_up(
    store: DatabaseChunkStore, turn: Admitted
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("readers never block writers on PostgreSQL")
    reader = sqlite3.connect(str(connection.settings_dict["NAME"]))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM chat_turn").fetchone()
    await store.append(chunks(turn, 1))
    reader.close()
    assert await stored() == [1]


async def test_a_commit_that_is_never_answered_keeps_nobody_from_the_end(
    turn: Admitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.turns.store.CLOSE_SECONDS", 0.01)
    asked, answered = threading.Event(), threading.Event()

    def never(_chunks: object) -> frozenset[UUID]:
        asked.set()
        answered.wait()
        return frozenset()

    store = DatabaseChunkStore()
    monkeypatch.setattr(store, "_append", never)
    appending = asyncio.create_task(store.append(chunks(turn, 1)))
    try:
        await asyncio.to_thread(asked.wait)
        async with asyncio.timeout(60):
            await store.aclose()
        assert not appending.done()
    finally:
        answered.set()
        await appending
