"""A process that stood still shows nothing from memory before the store has confirmed its turns."""

import asyncio

import pytest
from django.db import OperationalError

from chat.turns.journal import Journal, Rhythm
from chat.turns.store import MemoryChunkStore
from tests.turns.doubles import live_turn, until


class Clock:
    """The event loop's clock, set forward at will."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        true_time, self.skipped = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: true_time() + self.skipped)


PAUSED = Rhythm(interval_seconds=0, stall_seconds=0.02, pause_seconds=5, retry_seconds=0)


async def writer_over(store: MemoryChunkStore) -> Journal:
    writer = Journal(store, PAUSED)
    writer.start()
    writer.pulse()
    return writer


async def test_a_process_that_stood_still_shows_nothing_that_is_not_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, turn = MemoryChunkStore(), live_turn()
    writer, clock = await writer_over(store), Clock(monkeypatch)
    store.gate.clear()
    turn.gather("text of a zombie")
    clock.skipped = 30.0
    writer.touch(turn, first=True)
    await until(lambda: writer.stalled_since is not None)
    await asyncio.sleep(0.1)
    assert turn.content == ""
    store.lost.add(turn.id)
    store.gate.set()
    await until(lambda: turn.lost)
    assert turn.content == ""
    async with asyncio.timeout(5):
        await writer.flush(turn)
    await writer.aclose()


async def test_a_process_that_stood_still_and_owns_its_turns_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, turn = MemoryChunkStore(), live_turn()
    writer, clock = await writer_over(store), Clock(monkeypatch)
    store.gate.clear()
    clock.skipped = 30.0
    writer.pulse()
    turn.gather("one ")
    writer.touch(turn, first=True)
    await until(lambda: writer.stalled_since is not None)
    store.gate.set()
    await writer.flush(turn)
    store.gate.clear()
    # Confirmed once, it delivers from memory again.
    turn.gather("two")
    await writer.flush(turn)
    assert turn.content == "one two"
    store.gate.set()
    await writer.aclose()


async def test_a_short_stall_of_the_loop_is_no_reason_to_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, turn = MemoryChunkStore(), live_turn()
    writer, clock = await writer_over(store), Clock(monkeypatch)
    store.gate.clear()
    clock.skipped = 4.0
    turn.gather("text")
    await writer.flush(turn)
    assert turn.content == "text"
    store.gate.set()
    await writer.aclose()


async def test_after_a_failure_the_newest_commits_are_stored_once_more() -> None:
    store, turn = MemoryChunkStore(), live_turn()
    writer = Journal(store, PAUSED)
    writer.start()
    turn.gather("one ")
    await writer.flush(turn)
    # The database crashes, and loses what it had not written to its disk.
    store.chunks.clear()
    store.error = OperationalError("the server closed the connection")
    turn.gather("two")
    await writer.flush(turn)
    store.error = None
    await until(lambda: "".join(chunk.content for chunk in store.chunks) == "one two")
    assert [chunk.seq for chunk in store.chunks] == [1, 2]
    await writer.aclose()
