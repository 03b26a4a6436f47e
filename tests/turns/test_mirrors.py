"""A turn of one process is seen whole and in order through any other, whatever the bus does."""

import asyncio
from uuid import uuid4

import pytest
from django.db import OperationalError

from chat.turns import mirror
from chat.turns.bus import Frames, Piece
from tests.turns.doubles import Client, until
from tests.turns.mirroring import WORDS, MakeNodes, ended, finish, speak
from tests.turns.mirroring import site as site
from tests.turns.several import RoughNetwork, frames_of, seen


async def test_a_turn_that_begins_elsewhere_is_seen_live(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    alice = await nodes.attach("a", conversation)
    bob = await nodes.attach("b", conversation)
    turn = await nodes.send("a", conversation)
    await speak(nodes, *WORDS[:5])
    await until(lambda: seen(bob).content == "".join(WORDS[:5]))
    [change] = frames_of(bob, "conversation")
    assert (change["turn"], change["change"]) == (str(turn.turn_id), "message")
    finish(nodes)
    await ended(alice, bob)
    chunks = [frame for frame in alice.frames if '"type":"chunk"' in frame]
    assert [frame for frame in bob.frames if '"type":"chunk"' in frame] == chunks
    assert frames_of(alice, "done") == frames_of(bob, "done")
    assert nodes.stored.readings == 0, "the bus brought it all"


async def test_who_comes_later_gets_all_and_then_what_follows(site: MakeNodes) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    await speak(nodes, *WORDS[:10])
    bob = await nodes.attach("b", turn.conversation_id)
    assert [live.id for live in nodes["b"].hub.live_in(turn.conversation_id)] == [turn.turn_id]
    await until(lambda: seen(bob).seq == 10)
    await speak(nodes, *WORDS[10:])
    finish(nodes)
    await ended(bob)
    assert seen(bob).content == "".join(WORDS)


async def test_who_comes_from_the_other_process_gets_only_what_is_missing(site: MakeNodes) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    await speak(nodes, *WORDS[:10])
    bob = await nodes.attach("b", turn.conversation_id, turn.turn_id, turn.epoch, 7)
    await until(lambda: len(frames_of(bob, "chunk")) >= 3)
    assert [frame["seq"] for frame in frames_of(bob, "chunk")] == [8, 9, 10]
    assert not frames_of(bob, "snapshot")
    finish(nodes)
    await ended(bob)


@pytest.mark.parametrize(("epoch", "after"), [(2, 7), (1, 99), (1, None)])
async def test_who_cannot_be_served_from_there_gets_a_snapshot(
    site: MakeNodes, epoch: int, after: int | None
) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    await speak(nodes, *WORDS[:10])
    bob = await nodes.attach("b", turn.conversation_id, turn.turn_id, epoch, after)
    await until(lambda: frames_of(bob, "snapshot", "chunk"))
    [snapshot] = frames_of(bob, "snapshot", "chunk")
    assert (snapshot["type"], snapshot["content"]) == ("snapshot", "".join(WORDS[:10]))


async def test_a_second_attach_during_a_resume_is_served_too(site: MakeNodes) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    await speak(nodes, *WORDS[:10])
    named = (turn.conversation_id, turn.turn_id, turn.epoch)
    bob = await nodes.attach("b", *named, 3)
    await nodes.attach("b", *named, 6, client=bob)
    await nodes.attach("b", *named, 8, client=bob)
    await until(lambda: frames_of(bob, "snapshot", "chunk"))
    await asyncio.sleep(0)
    assert [frame["seq"] for frame in frames_of(bob, "chunk")] == [9, 10]


async def test_a_client_more_than_its_window_behind_gets_one_snapshot(site: MakeNodes) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    await speak(nodes, *("x" * 400 for _ in range(10)))
    client = Client(window_bytes=2000)
    pump = asyncio.create_task(client.viewer.pump())
    await nodes.attach("b", turn.conversation_id, turn.turn_id, 1, 1, client=client)
    await until(lambda: frames_of(client, "snapshot", "chunk"))
    assert [frame["type"] for frame in frames_of(client, "snapshot", "chunk")] == ["snapshot"]
    pump.cancel()
    await asyncio.wait({pump})


@pytest.mark.parametrize("seed", range(6))
async def test_a_bus_that_loses_doubles_and_delays_changes_no_character(
    site: MakeNodes, seed: int
) -> None:
    network = RoughNetwork(seed, loss=0.3, double=0.2, delay=0.3)
    nodes, conversation = site("a", "b", "c", network=network), uuid4()
    clients = [await nodes.attach(name, conversation) for name in ("a", "b", "c")]
    turn = await nodes.send("a", conversation)
    for at, word in enumerate(WORDS):
        await speak(nodes, word)
        if at in (13, 26):
            held = seen(clients[1]).seq or None
            clients.append(await nodes.attach("b", conversation, turn.turn_id, 1, held))
    finish(nodes)
    await ended(*clients)
    for client in clients[:3]:
        assert seen(client).content == "".join(WORDS)
    for client in clients[3:]:
        texts = {frame["seq"] for frame in frames_of(client, "chunk")}
        assert len(texts) == len(frames_of(client, "chunk")), "a chunk came twice"


async def test_a_turn_in_line_tells_its_place_elsewhere_too(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    turn = await nodes.send("a", conversation)
    live = nodes["a"].hub.live(turn.turn_id)
    assert live is not None
    live.tell_text('{"type":"notice","turn":"x","code":"waiting","detail":"Second."}')
    await until(lambda: frames_of(bob, "notice"))
    carol = await nodes.attach("b", conversation)
    await until(lambda: carol.frames)
    assert len(frames_of(bob, "notice")) == 1


async def test_nothing_is_followed_that_nobody_watches(site: MakeNodes) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    bob = await nodes.attach("b", turn.conversation_id)
    await until(lambda: len(nodes["a"].outlets) == 1)
    nodes["b"].hub.detach(bob.viewer, turn.conversation_id)
    await until(lambda: len(nodes["b"].mirrors) == 0)
    await until(lambda: len(nodes["a"].outlets) == 0)
    readings = nodes.stored.readings
    await speak(nodes, *WORDS[:5])
    await asyncio.sleep(0.15)
    assert nodes.stored.readings == readings


async def test_what_comes_early_is_kept_within_bounds(site: MakeNodes) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    await nodes.attach("b", turn.conversation_id)
    nodes.stored.error = OperationalError("gone")
    pieces = tuple(Piece(turn.turn_id, 1, seq, "{}") for seq in range(5, 5000))
    nodes["b"]._receive(Frames("a", pieces))
    followed = nodes["b"].hub.live(turn.turn_id)
    assert isinstance(followed, mirror.Mirror)
    assert len(followed._early) <= mirror.MOST_EARLY


@pytest.mark.parametrize("asks", [1, 2, 10])
async def test_an_interrupt_from_elsewhere_stops_the_turn_once(site: MakeNodes, asks: int) -> None:
    nodes, conversation = site("a", "b", "c"), uuid4()
    bob = await nodes.attach("b", conversation)
    turn = await nodes.send("a", conversation)
    await nodes.relay.opened.wait()
    for number in range(asks):
        node = "b" if number % 2 else "c"
        nodes[node].interrupt_at("a", turn.turn_id, 7)
    await ended(bob)
    assert (seen(bob).done or {})["state"] == "interrupted"
    assert nodes.relay.closings == 1
    assert len(frames_of(bob, "done")) == 1
