"""Without bus, owner or database a turn of another process is still shown whole, to its end."""

import asyncio
from collections.abc import Awaitable
from uuid import uuid4

import pytest
from django.db import OperationalError

from chat.turns.bus import EndedHere, Frames, Piece
from chat.turns.bus.memory import MemoryNetwork
from tests.turns.doubles import until, whole_answer
from tests.turns.mirroring import WORDS, MakeNodes, carried, ended, finish, speak
from tests.turns.mirroring import site as site
from tests.turns.several import frames_of, seen


@pytest.mark.parametrize("bus", [True, False])
async def test_without_a_bus_the_journal_tells_everything(site: MakeNodes, bus: bool) -> None:
    network = MemoryNetwork()
    network.down = True
    nodes, conversation = site("a", "b", network=network, bus=bus), uuid4()
    bob = await nodes.attach("b", conversation)
    await nodes.send("a", conversation)
    await speak(nodes, *WORDS[:20])
    await until(lambda: seen(bob).seq == 20)
    await speak(nodes, *WORDS[20:])
    finish(nodes)
    await ended(bob)
    assert seen(bob).content == "".join(WORDS)


async def test_a_turn_that_begins_and_ends_between_two_looks_is_shown(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b", bus=False), uuid4()
    bob = await nodes.attach("b", conversation)
    await nodes.send("a", conversation)
    nodes.relay.feed(*whole_answer("Short."))
    await ended(bob)
    assert seen(bob).content == "Short."


async def test_a_bus_that_goes_and_comes_back_is_used_again(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    await nodes.send("a", conversation)
    await speak(nodes, *WORDS[:5])
    nodes.network.down = True
    await speak(nodes, *WORDS[5:10])
    await until(lambda: seen(bob).seq == 10)
    nodes.network.down = False
    await speak(nodes, *WORDS[10:15])
    await until(lambda: seen(bob).seq == 15)
    readings = nodes.stored.readings
    await speak(nodes, *WORDS[15:])
    finish(nodes)
    await ended(bob)
    assert seen(bob).content == "".join(WORDS)
    assert nodes.stored.readings <= readings + 1


async def test_a_turn_that_ends_in_a_gap_ends_as_it_is_stored(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    await nodes.send("a", conversation)
    await speak(nodes, *WORDS[:5])
    await until(lambda: seen(bob).seq == 5)
    lost = {"frames": True}
    nodes.network.loses = lambda _from, _to: lost["frames"]
    await speak(nodes, *WORDS[5:8])
    await until(lambda: carried(nodes, 8))
    lost["frames"] = False
    finish(nodes)
    await ended(bob)
    assert seen(bob).content == "".join(WORDS[:8])
    assert frames_of(bob, "snapshot")[-1]["state"] == "completed"


async def test_an_end_that_nobody_heard_of_is_found(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    await nodes.send("a", conversation)
    await speak(nodes, *WORDS[:5])
    await until(lambda: seen(bob).seq == 5)
    nodes.network.loses = lambda _from, _to: True
    finish(nodes)
    await ended(bob)
    assert not frames_of(bob, "snapshot"), "all its text was here"
    assert len(nodes["b"].mirrors) == 0


async def test_an_owner_that_is_gone_leaves_the_turn_as_another_settles_it(
    site: MakeNodes,
) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    turn = await nodes.send("a", conversation)
    await speak(nodes, *WORDS[:5])
    await until(lambda: seen(bob).seq == 5)
    nodes.cut_off("a")
    nodes.stored.take_over(turn.turn_id, "c")
    readings = nodes.stored.readings
    await until(lambda: nodes.stored.readings > readings + 2)
    assert seen(bob).done is None
    nodes.stored.end(turn.turn_id, "orphaned", "".join(WORDS[:5]))
    await ended(bob)
    snapshot = frames_of(bob, "snapshot")[-1]
    assert (snapshot["state"], snapshot["epoch"]) == ("orphaned", 2)
    # What the old owner still says is not shown.
    nodes["b"]._receive(Frames("a", (Piece(turn.turn_id, 1, 6, "{}"),)))
    assert frames_of(bob, "chunk", "snapshot", "done")[-1]["type"] == "done"


async def test_a_turn_that_goes_on_under_a_new_epoch_is_shown_from_its_snapshot(
    site: MakeNodes,
) -> None:
    nodes = site("a", "b")
    turn = await nodes.send("a")
    await speak(nodes, "one ", "two ")
    bob = await nodes.attach("b", turn.conversation_id)
    await until(lambda: seen(bob).seq == 2)
    nodes.cut_off("a")
    nodes.stored.take_over(turn.turn_id, "c")
    old = nodes.stored.journal.chunks[0]
    type_ = type(old)
    nodes.stored.journal.chunks += [
        type_(turn.turn_id, 2, seq, offset, text)
        for seq, offset, text in ((1, 0, "one "), (2, 4, "two "), (3, 8, "three"))
    ]
    await until(lambda: seen(bob).epoch == 2)
    assert seen(bob).content == "one two three"


async def test_while_the_database_fails_the_bus_goes_on(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    await nodes.send("a", conversation)
    await speak(nodes, *WORDS[:5])
    await until(lambda: seen(bob).seq == 5)
    nodes.stored.error = OperationalError("gone")
    lost = {"frames": True}
    nodes.network.loses = lambda _from, _to: lost["frames"]
    await speak(nodes, *WORDS[5:10])
    await until(lambda: carried(nodes, 10))
    lost["frames"] = False
    await speak(nodes, *WORDS[10:15])
    # The gap is filled by the owner, who still holds it.
    await until(lambda: seen(bob).seq == 15)
    finish(nodes)
    await ended(bob)
    assert seen(bob).content == "".join(WORDS[:15])


async def test_a_database_that_comes_back_fills_the_gap(site: MakeNodes) -> None:
    nodes = site("a", "b", bus=False)
    turn = await nodes.send("a")
    await speak(nodes, *WORDS[:5])
    bob = await nodes.attach("b", turn.conversation_id)
    await until(lambda: seen(bob).seq == 5)
    nodes.stored.error = OperationalError("gone")
    await speak(nodes, *WORDS[5:10])
    readings = nodes.stored.readings
    await until(lambda: nodes.stored.readings >= readings + 3)
    nodes.stored.error = None
    await until(lambda: seen(bob).seq == 10)


async def test_a_word_of_an_ended_turn_begins_nothing(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    await nodes.send("a", conversation)
    finish(nodes)
    await ended(bob)
    for sender, to, message in list(nodes.network.carried):
        nodes.network.deliver(sender, to, message)
    await until(lambda: not nodes["b"].mirrors)
    await asyncio.sleep(0.05)
    assert len(frames_of(bob, "done")) == 1
    assert len(frames_of(bob, "conversation")) == 1


async def test_an_end_that_is_not_all_of_the_text_is_not_believed(site: MakeNodes) -> None:
    nodes, conversation = site("a", "b"), uuid4()
    bob = await nodes.attach("b", conversation)
    turn = await nodes.send("a", conversation)
    await speak(nodes, "one ")
    await until(lambda: seen(bob).seq == 1)
    nodes["b"]._receive(EndedHere("z", turn.turn_id))
    await speak(nodes, "two ")
    await until(lambda: seen(bob).seq == 2)
    assert not frames_of(bob, "done")


async def test_who_asks_for_a_turn_that_the_owner_does_not_know_yet_is_served_soon(
    site: MakeNodes,
) -> None:
    nodes = site("a", "b")
    gate = asyncio.Event()
    turn_id = uuid4()
    conversation = uuid4()

    async def store() -> object:
        from tests.turns.doubles import admitted

        turn = admitted(turn_id=turn_id, conversation_id=conversation)
        nodes.stored.put(turn, "a")
        await gate.wait()
        return turn

    asking: Awaitable[object] = asyncio.ensure_future(
        nodes["a"].admit(store, lambda _: None)  # type: ignore[arg-type]
    )
    await until(lambda: turn_id in nodes.stored.turns)
    bob = await nodes.attach("b", conversation)
    await until(lambda: any(type(m) is EndedHere for _, _, m in nodes.network.carried))
    gate.set()
    await asking
    await speak(nodes, *WORDS[:5])
    await until(lambda: seen(bob).seq == 5)
    finish(nodes)
    await ended(bob)
