"""Messages through Redis: who hears them, in which order, and what becomes of too many or too
long ones."""

import asyncio
from itertools import pairwise
from uuid import UUID

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from chat.turns.bus import EndedHere, Frames, Piece, Watch, decode, encode
from chat.turns.bus.fitting import fit
from chat.turns.bus.publisher import Publisher
from chat.turns.bus.redis import TO_ALL, channel_of
from chat.turns.metrics import REGISTRY
from tests.turns.bus.listening import eventually, process

TURN = UUID(int=7)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"tram_bus_{name}_total", labels) or 0.0


@pytest.mark.services
async def test_a_message_to_one_process_is_heard_by_no_other(valkey_url: str) -> None:
    async with process(valkey_url) as a, process(valkey_url) as b, process(valkey_url) as c:
        sent, heard = metric("messages", direction="out"), metric("messages", direction="in")
        assert await a.bus.send(b.name, a.say(1))
        assert await a.bus.send(c.name, a.say(2))
        await eventually(lambda: b.heard and c.heard)
        assert (a.numbers, b.numbers, c.numbers) == ([], [1], [2])
        assert b.heard == [a.say(1)]
        assert metric("messages", direction="out") - sent == 2
        assert metric("messages", direction="in") - heard == 2


@pytest.mark.services
async def test_a_message_to_all_is_heard_by_all_others(valkey_url: str) -> None:
    async with process(valkey_url) as a, process(valkey_url) as b, process(valkey_url) as c:
        assert await a.bus.tell_all(a.say(1))
        await eventually(lambda: b.heard and c.heard)
        # Its own came before this answer and was left alone.
        assert await b.bus.send(a.name, b.say(2))
        await eventually(lambda: a.heard)
        assert (a.numbers, b.numbers, c.numbers) == ([2], [1], [1])


@pytest.mark.services
async def test_messages_arrive_in_the_order_in_which_they_were_said(valkey_url: str) -> None:
    async with process(valkey_url) as a, process(valkey_url) as b:
        saying = [asyncio.create_task(a.bus.send(b.name, a.say(n))) for n in range(300)]
        assert all(await asyncio.gather(*saying))
        await eventually(lambda: len(b.heard) == 300)
        assert b.numbers == list(range(300))


@pytest.mark.services
async def test_of_more_messages_than_may_wait_the_rest_is_dropped_and_counted(
    valkey_url: str,
) -> None:
    async with process(valkey_url, queue_messages=16) as a, Redis.from_url(valkey_url) as redis:
        dropped = metric("dropped")
        pipeline = redis.pipeline(transaction=False)
        for number in range(5000):
            pipeline.publish(channel_of(a.name), encode(EndedHere("b", UUID(int=number))))
        await pipeline.execute()
        async with process(valkey_url) as b:
            # The bus goes on.
            assert await b.bus.send(a.name, b.say(1))
            await eventually(lambda: a.numbers == [1])
        lost = metric("dropped") - dropped
        assert lost > 0
        assert len(a.heard) == 5001 - lost
        ended = [message.turn.int for message in a.heard if isinstance(message, EndedHere)]
        assert all(before < after for before, after in pairwise(ended))


@pytest.mark.services
async def test_what_another_version_says_is_dropped_with_one_line(valkey_url: str) -> None:
    async with process(valkey_url) as a, process(valkey_url) as b:
        with capture_logs() as logs:
            async with Redis.from_url(valkey_url) as redis:
                await redis.publish(TO_ALL, b"\x93\xa6future\x01\x02")
                await redis.publish(channel_of(a.name), b"")
                await redis.publish(TO_ALL, encode(a.say(1)).replace(b"node", b"\xff\xff\xff\xff"))
            assert await b.bus.send(a.name, b.say(1))
            await eventually(lambda: a.heard and len(logs) == 5)
        assert {entry["event"] for entry in logs} == {"bus_message_not_understood"}
        assert a.numbers == [1]


@pytest.mark.services
async def test_a_receiver_that_fails_loses_one_message_only(valkey_url: str) -> None:
    async with process(valkey_url) as a, process(valkey_url) as b:
        b.failing = True
        with capture_logs() as logs:
            assert await a.bus.send(b.name, a.say(1))
            await eventually(lambda: b.numbers == [1])
        assert [entry["event"] for entry in logs] == ["bus_message_failed"]
        b.failing = False
        assert await a.bus.send(b.name, a.say(2))
        await eventually(lambda: b.numbers == [1, 2])


@pytest.mark.services
async def test_frames_too_long_for_a_message_come_in_several(valkey_url: str) -> None:
    pieces = tuple(Piece(TURN, 1, n, "x" * 400) for n in range(1, 20))
    async with (
        process(valkey_url, message_bytes=1024) as a,
        process(valkey_url, message_bytes=1024) as b,
    ):
        assert await a.bus.send(b.name, Frames(a.name, pieces))
        await eventually(lambda: len(b.pieces) == 19)
        assert tuple(b.pieces) == pieces
        assert len(b.heard) >= 10


def test_a_chunk_too_long_by_itself_goes_without_its_text() -> None:
    short, long, notice = Piece(TURN, 1, 1, "x"), Piece(TURN, 1, 2, "x" * 2000), "n" * 2000
    parts = fit(Frames("a", (short, long, Piece(TURN, 1, 0, notice))), 1024)
    assert all(len(part) <= 1024 for part in parts)
    pieces = [piece for part in parts for piece in decode(part).pieces]  # type: ignore[attr-defined]
    # A notice is in no journal: without its text there would be nothing to show.
    assert pieces == [short, Piece(TURN, 1, 2, "")]


def test_watching_many_turns_takes_several_messages() -> None:
    turns = tuple((UUID(int=n), n) for n in range(200))
    parts = [decode(part) for part in fit(Watch("a", turns), 1024)]
    assert len(parts) > 3
    assert tuple(each for part in parts for each in part.turns) == turns  # type: ignore[attr-defined]


def test_an_end_too_long_to_tell_is_left_to_the_database() -> None:
    (part,) = fit(EndedHere("a", TURN, "failed", "x" * 2000), 1024)
    assert decode(part) == EndedHere("a", TURN)


@pytest.mark.services
async def test_no_more_waits_for_redis_than_the_bounds_say(valkey_url: str) -> None:
    failures: list[Exception] = []
    publisher = Publisher(valkey_url, 4, failures.append)
    # Not started: nothing is taken out of the line.
    waiting = [asyncio.create_task(publisher.publish("nobody", [b"x"])) for _ in range(4)]
    await asyncio.sleep(0)
    assert not await publisher.publish("nobody", [b"x"])
    await publisher.aclose()
    assert await asyncio.gather(*waiting) == [False] * 4
    assert not await publisher.publish("nobody", [b"x"])
    large = Publisher(valkey_url, 1000, failures.append)
    kept = asyncio.create_task(large.publish("nobody", [b"x" * 3_000_000]))
    await asyncio.sleep(0)
    assert not await large.publish("nobody", [b"x" * 3_000_000])
    large.start()
    assert await kept
    await large.aclose()
    assert failures == []
