"""The journal's storage: every chunk once, only of the owner, on either database."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import connection, connections

from accounts.policy import Principal
from chat.models import JournalChunk
from chat.protocol import Chunk
from chat.services.intents import Admitted
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
    await store.append(chunks(turn, 1, 2))
    await store.append(chunks(turn, 1, 2, 3))
    assert await stored() == [1, 2, 3]


async def test_nothing_is_stored_of_a_turn_that_was_taken_over_or_has_ended(
    store: DatabaseChunkStore, turn: Admitted
) -> None:
    await store.append(chunks(turn, 1, epoch=7))
    await in_thread(lambda: finish(turn))
    await store.append(chunks(turn, 1))
    assert await stored() == []


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
