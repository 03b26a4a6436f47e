"""A turn of one process is seen whole and in order through any other, whatever the bus does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from django.db import OperationalError

from chat.turns import mirror, mirrors
from chat.turns.bus import EndedHere, Frames, Piece
from chat.turns.bus.memory import MemoryNetwork
from tests.turns.doubles import Client, until, whole_answer
from tests.turns.several import Nodes, RoughNetwork, frames_of, seen

MakeNodes = Callable[..., Nodes]
WORDS = [f"word {number} — ẩm 🚋 " for number in range(40)]


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeNodes]:
    """Make processes; silence is noticed at once. Nothing of them is left after the test."""
    for module in (mirror, mirrors):
        monkeypatch.setattr(module, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(mirror, "GAP_PAUSE_SECONDS", 0.001)
    async with AsyncExitStack() as stack:

        def make(*names: str, **options: object) -> Nodes:
            made = Nodes(*names, **options)  # type: ignore[arg-type]
            stack.push_async_callback(made.aclose)
            return made

        yield make
    this = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not this] == []


async def speak(nodes: Nodes, *texts: str) -> None:
    """The relay says each text, and each is a chunk of its own."""
    for text in texts:
        before = len(nodes.stored.journal.chunks)
        nodes.relay.feed(text)
        await until(lambda before=before: len(nodes.stored.journal.chunks) > before)


def finish(nodes: Nodes) -> None:
    nodes.relay.feed(*whole_answer())


def carried(nodes: Nodes, seq: int) -> bool:
    """Whether the bus was given a chunk."""
    messages = [message for _, _, message in nodes.network.carried]
    frames = [message for message in messages if isinstance(message, Frames)]
    return any(piece.seq == seq for message in frames for piece in message.pieces)


async def ended(*clients: Client) -> None:
    await until(lambda: all(frames_of(client, "done") for client in clients), 30)


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
