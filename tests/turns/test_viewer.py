"""A viewer delivers in order, within its window, and lets go of a client that does not keep up."""

import asyncio
import json
from typing import Any

import pytest

from chat.protocol import Error, Pong
from chat.turns import viewer
from chat.turns.hub import Hub
from chat.turns.live import LiveTurn
from chat.turns.viewer import Lagging
from tests.turns.doubles import Client, live_turn, until


def publish(turn: LiveTurn, *texts: str) -> None:
    for text in texts:
        turn.gather(text)
        chunk = turn.cut()
        assert chunk is not None
        turn.publish(chunk)


def types(client: Client) -> list[str]:
    return [json.loads(frame)["type"] for frame in client.frames]


def decoded(client: Client) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in client.frames]


async def test_a_new_viewer_gets_a_snapshot_then_chunks() -> None:
    turn, client = live_turn(), Client()
    publish(turn, "one ", "two ")
    pump = asyncio.create_task(client.viewer.pump())
    client.viewer.watch(turn)
    await until(lambda: len(client.frames) == 1)
    publish(turn, "three")
    await until(lambda: len(client.frames) == 2)
    snapshot, chunk = decoded(client)
    assert (snapshot["type"], snapshot["content"], snapshot["seq"]) == ("snapshot", "one two ", 2)
    assert (chunk["type"], chunk["content"], chunk["seq"], chunk["offset"]) == (
        "chunk",
        "three",
        3,
        8,
    )
    pump.cancel()


async def test_a_viewer_that_comes_back_gets_only_what_it_missed() -> None:
    turn, client = live_turn(), Client()
    publish(turn, "one ", "two ", "three")
    client.viewer.watch(turn, 1)
    pump = asyncio.create_task(client.viewer.pump())
    await until(lambda: len(client.frames) == 2)
    assert [frame["seq"] for frame in decoded(client)] == [2, 3]
    pump.cancel()


async def test_a_seq_from_the_future_gets_a_snapshot() -> None:
    turn, client = live_turn(), Client()
    publish(turn, "one")
    client.viewer.watch(turn, 17)
    pump = asyncio.create_task(client.viewer.pump())
    await until(lambda: client.frames)
    assert types(client) == ["snapshot"]
    pump.cancel()


async def test_the_window_holds_until_it_is_acknowledged_then_one_snapshot_catches_up() -> None:
    turn, client = live_turn(), Client(window_bytes=1000)
    client.viewer.watch(turn, 0)
    pump = asyncio.create_task(client.viewer.pump())
    texts = [f"{number:0>100} " for number in range(40)]
    publish(turn, *texts)
    # Already further behind than the window: the rest comes as one snapshot.
    await until(lambda: "snapshot" in types(client))
    sent = len(client.frames)
    publish(turn, "later")
    await asyncio.sleep(0)
    assert len(client.frames) == sent
    client.viewer.ack(turn.id, turn.seq - 1)
    await until(lambda: types(client)[-1] == "chunk")
    assert decoded(client)[-1]["content"] == "later"
    pump.cancel()


async def test_a_client_that_acknowledges_nothing_is_let_go() -> None:
    turn, client = live_turn(), Client(window_bytes=100, ack_timeout_seconds=0.01)
    client.viewer.watch(turn, 0)
    publish(turn, "x" * 200)
    pump = asyncio.create_task(client.viewer.pump())
    await until(lambda: client.frames)
    publish(turn, "more")
    with pytest.raises(Lagging):
        await pump


async def test_of_an_ended_turn_nothing_but_its_text_is_kept_for_who_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(viewer, "HOLD_SECONDS", 0.01)
    hub, turn = Hub(), live_turn()
    slow, quick = Client(window_bytes=1000), Client()
    pumps = [asyncio.create_task(each.viewer.pump()) for each in (slow, quick)]
    for client in (slow, quick):
        hub.attach(client.viewer, turn.conversation_id)
    hub.add(turn)
    publish(turn, *(f"{number:0>100} " for number in range(12)))
    await until(lambda: len(quick.frames) >= 12)
    publish(turn, *("more " for _ in range(12)))
    hub.end(turn, "completed", Pong())
    await until(lambda: "pong" in types(quick))
    await until(lambda: len(turn.frames) == 1)
    assert "pong" not in types(slow)
    # It reads on after all: the whole text, and the end.
    slow.viewer.ack(turn.id, decoded(slow)[-1]["seq"])
    await until(lambda: types(slow).count("snapshot") == 2)
    slow.viewer.ack(turn.id, decoded(slow)[-1]["seq"])
    await until(lambda: types(slow)[-1] == "pong")
    assert decoded(slow)[-2]["content"] == turn.content
    assert types(slow).count("pong") == types(quick).count("pong") == 1
    assert not any(pump.done() for pump in pumps)
    for pump in pumps:
        pump.cancel()


async def test_a_client_that_acknowledges_is_not_let_go() -> None:
    turn, client = live_turn(), Client(window_bytes=100, ack_timeout_seconds=0.2)
    client.viewer.watch(turn, 0)
    pump = asyncio.create_task(client.viewer.pump())
    for number in range(1, 6):
        publish(turn, "x" * 200)
        await until(lambda seen=number: len(client.frames) == seen)
        client.viewer.ack(turn.id, number)
    assert not pump.done()
    pump.cancel()


async def test_an_ack_beyond_what_was_sent_counts_for_nothing() -> None:
    turn, client = live_turn(), Client(window_bytes=100, ack_timeout_seconds=0.05)
    client.viewer.watch(turn, 0)
    publish(turn, "x" * 200)
    pump = asyncio.create_task(client.viewer.pump())
    await until(lambda: client.frames)
    publish(turn, "more")
    # It runs up to chunk 2, of which this client was sent the first.
    assert not client.viewer.ack(turn.id, 2)
    assert not client.viewer.ack(turn.id, 99)
    await asyncio.sleep(0)
    assert len(client.frames) == 1
    assert client.viewer.ack(turn.id, 1)
    await until(lambda: len(client.frames) == 2)
    pump.cancel()


async def test_an_ack_of_nothing_new_does_not_show_that_a_client_keeps_up() -> None:
    turn, client = live_turn(), Client(window_bytes=100, ack_timeout_seconds=0.05)
    client.viewer.watch(turn, 0)
    publish(turn, "x" * 200)
    pump = asyncio.create_task(client.viewer.pump())
    await until(lambda: client.frames)
    publish(turn, "more")
    while not pump.done():
        client.viewer.ack(turn.id, 0)
        await asyncio.sleep(0.005)
    assert isinstance(pump.exception(), Lagging)


async def test_long_events_for_a_client_that_does_not_read_are_bounded_too() -> None:
    client = Client(window_bytes=1000)
    client.gate.clear()
    pump = asyncio.create_task(client.viewer.pump())
    client.viewer.say(Error("not_found", "x" * 100_000))
    await until(lambda: not client.viewer._queue)
    # The first is on its way; the next waits, however long it is, and no third one.
    for _ in range(3):
        client.viewer.say(Error("not_found", "x" * 100_000))
    assert len(client.viewer._queue) == 1
    client.gate.set()
    with pytest.raises(Lagging):
        await pump


async def test_the_queue_of_other_events_is_bounded() -> None:
    client = Client()
    client.gate.clear()
    for _ in range(100):
        client.viewer.say(Pong())
    with pytest.raises(Lagging):
        await client.viewer.pump()


async def test_a_slow_client_costs_no_memory_and_delays_nobody() -> None:
    turn, slow, quick = live_turn(), Client(), Client()
    slow.gate.clear()
    pumps = [asyncio.create_task(each.viewer.pump()) for each in (slow, quick)]
    for client in (slow, quick):
        client.viewer.watch(turn, 0)
    publish(turn, *("word " for _ in range(50)))
    await until(lambda: len(quick.frames) == 50)
    assert not slow.frames
    slow.gate.set()
    await until(lambda: len(slow.frames) == 50)
    assert slow.frames == quick.frames
    for pump in pumps:
        pump.cancel()


async def test_a_client_that_stops_watching_what_held_it_up_is_not_let_go() -> None:
    turn, other = live_turn(), live_turn()
    client = Client(window_bytes=100, ack_timeout_seconds=0.02)
    client.viewer.watch(turn, 0)
    publish(turn, "x" * 200)
    pump = asyncio.create_task(client.viewer.pump())
    await until(lambda: client.frames)
    publish(turn, "more")
    client.viewer.watch(other, 0)
    publish(other, "waits for room")
    await asyncio.sleep(0)
    client.viewer.unwatch(turn)
    await until(lambda: "waits for room" in client.frames[-1])
    await asyncio.sleep(0.05)
    assert not pump.done()
    pump.cancel()


async def test_nothing_of_an_ended_turn_follows_once_its_conversation_is_left() -> None:
    hub, turn, client = Hub(), live_turn(), Client()
    hub.add(turn)
    hub.attach(client.viewer, turn.conversation_id)
    publish(turn, "secret")
    hub.end(turn, "completed", Pong())
    hub.detach(client.viewer, turn.conversation_id)
    pump = asyncio.create_task(client.viewer.pump())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any("secret" in frame for frame in client.frames)
    pump.cancel()
