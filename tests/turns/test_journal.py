"""Journal before delivery, in one commit for all turns; delivery goes on when the store stalls."""

import asyncio
import json

from chat.turns.journal import Rhythm
from chat.turns.store import MemoryChunkStore
from tests.turns.doubles import journal, live_turn, until


async def test_text_is_stored_before_it_is_shown() -> None:
    store = MemoryChunkStore()
    store.gate.clear()
    writer, turn = journal(store, Rhythm(stall_seconds=60)), live_turn()
    turn.gather("hello")
    writer.touch(turn, first=True)
    await asyncio.sleep(0.01)
    assert turn.content == ""
    store.gate.set()
    await writer.flush(turn)
    assert turn.content == "hello"
    assert [chunk.content for chunk in store.chunks] == ["hello"]
    await writer.aclose()


async def test_all_turns_share_one_commit() -> None:
    store = MemoryChunkStore()
    writer, turns = journal(store), [live_turn() for _ in range(20)]
    for turn in turns:
        turn.gather("x")
        writer.touch(turn)
    await asyncio.gather(*(writer.flush(turn) for turn in turns))
    assert len(store.chunks) == 20
    assert store.commits <= 2
    await writer.aclose()


async def test_a_stalled_store_does_not_hold_delivery_up_and_loses_nothing() -> None:
    store = MemoryChunkStore()
    store.gate.clear()
    writer, turn = journal(store), live_turn()
    for word in ("one ", "two ", "three"):
        turn.gather(word)
        writer.touch(turn)
        await writer.flush(turn)
    assert turn.content == "one two three"
    assert writer.stalled_since is not None
    assert not store.chunks
    store.gate.set()
    await until(lambda: "".join(chunk.content for chunk in store.chunks) == "one two three")
    await until(lambda: writer.stalled_since is None)
    assert [chunk.seq for chunk in store.chunks] == list(range(1, len(store.chunks) + 1))
    await writer.aclose()


async def test_a_failing_store_is_tried_again_with_every_chunk_once() -> None:
    store = MemoryChunkStore()
    store.error = RuntimeError("disk")
    writer, turn = journal(store), live_turn()
    turn.gather("one ")
    writer.touch(turn, first=True)
    await writer.flush(turn)
    turn.gather("two")
    await writer.flush(turn)
    store.error = None
    await until(lambda: len(store.chunks) == 2)
    assert "".join(chunk.content for chunk in store.chunks) == "one two"
    await writer.aclose()


async def test_turns_must_stop_only_after_the_store_failed_for_long() -> None:
    store = MemoryChunkStore()
    store.error = RuntimeError("disk")
    writer, turn = journal(store, Rhythm(stop_seconds=0.02, retry_seconds=0)), live_turn()
    assert not writer.storage_is_lost()
    turn.gather("x")
    writer.touch(turn, first=True)
    await until(writer.storage_is_lost)
    store.error = None
    await until(lambda: not writer.storage_is_lost())
    await writer.aclose()


def test_the_interval_stretches_with_the_load_up_to_its_limit() -> None:
    rhythm = Rhythm(interval_seconds=0.025, interval_max_seconds=0.1, calm_turns=50)
    assert rhythm.interval(1) == rhythm.interval(50) == 0.025
    assert rhythm.interval(100) == 0.05
    assert rhythm.interval(10_000) == 0.1


async def test_text_after_a_pause_goes_out_at_once_and_text_in_a_row_waits_for_its_interval() -> (
    None
):
    store = MemoryChunkStore()
    rhythm = Rhythm(interval_seconds=0.2, interval_max_seconds=0.2, tick_seconds=0.001)
    writer, turn = journal(store, rhythm), live_turn()
    begun = asyncio.get_running_loop().time()
    for word in ("one ", "two ", "three"):
        turn.gather(word)
        writer.touch(turn)
        await asyncio.sleep(0.01)
    assert turn.content == "one "
    await until(lambda: turn.content == "one two three")
    assert asyncio.get_running_loop().time() - begun >= 0.2
    assert len(store.chunks) == 2
    await writer.aclose()


async def test_one_turn_that_waits_does_not_hold_up_another() -> None:
    writer = journal(rhythm=Rhythm(interval_seconds=60, interval_max_seconds=60))
    busy, other = live_turn(), live_turn()
    for turn in (busy, busy, other):
        turn.gather("x")
        writer.touch(turn)
        await until(lambda: bool(busy.content))
    await until(lambda: other.content == "x")
    assert busy.content == "x"
    await writer.flush(busy)
    assert busy.content == "xx"
    await writer.aclose()


async def test_frames_carry_epoch_seq_and_offset() -> None:
    writer, turn = journal(), live_turn(epoch=3)
    for word in ("né ", "😀", "x"):
        turn.gather(word)
        await writer.flush(turn)
    frames = [json.loads(frame.text) for frame in turn.frames]
    assert [(f["epoch"], f["seq"], f["offset"]) for f in frames] == [
        (3, 1, 0),
        (3, 2, 3),
        (3, 3, 5),
    ]
    await writer.aclose()
