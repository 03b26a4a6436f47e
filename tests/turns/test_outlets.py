"""An outlet sends one other process what is new of all it watches, and nothing to who is gone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from chat.protocol import Done, Stats, Usage
from chat.turns import outlets as outlets_module
from chat.turns.bus import Began, EndedHere, Frames, Message, Unwatch, Watch
from chat.turns.hub import Hub
from chat.turns.live import LiveTurn
from chat.turns.outlets import Outlets
from chat.turns.post import Post
from tests.turns.doubles import live_turn, until

DONE = Done(uuid4(), "completed", "stop", Usage(1, 1, 2), 1, "reported", Stats(1, 1, 1, 1.0), "")


class Wire:
    """A bus that keeps what it is given, and takes its time while `gate` is closed."""

    alive = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def start(self, node: str, receive: object) -> None: ...

    async def send(self, node: str, message: Message) -> bool:
        await self.gate.wait()
        self.sent.append((node, message))
        return True

    async def tell_all(self, message: Message) -> bool:
        return await self.send("", message)

    async def aclose(self) -> None: ...

    def to(self, node: str, kind: type) -> list[Message]:
        return [each for to, each in self.sent if to == node and type(each) is kind]

    def shapes(self, node: str = "b") -> list[list[tuple[int, bool]]]:
        """Of each message with frames: the chunks' numbers, and whether their text is in it."""
        frames: Sequence[Frames] = self.to(node, Frames)  # type: ignore[assignment]
        return [[(piece.seq, bool(piece.text)) for piece in each.pieces] for each in frames]


class Place:
    """The outlets of process "a"."""

    def __init__(self, wire: Wire, message_bytes: int) -> None:
        self.wire, self.hub = wire, Hub()
        self.post = Post(wire)
        self.post.start()
        self.outlets = Outlets(self.hub, wire, self.post, "a", message_bytes)

    def run(self) -> LiveTurn:
        turn = live_turn()
        self.hub.add(turn)
        return turn

    def watch(self, *turns: LiveTurn, after: int = 0, by: str = "b") -> None:
        self.outlets.receive(Watch(by, tuple((turn.id, after) for turn in turns)))

    def unwatch(self, *turns: LiveTurn) -> None:
        self.outlets.receive(Unwatch("b", tuple(turn.id for turn in turns)))


@asynccontextmanager
async def place(message_bytes: int = 65_536) -> AsyncIterator[Place]:
    made = Place(Wire(), message_bytes)
    yield made
    made.wire.gate.set()
    await made.outlets.aclose()
    await made.post.aclose()
    this = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not this] == []


def publish(turn: LiveTurn, *texts: str) -> None:
    for text in texts:
        turn.gather(text)
        chunk = turn.cut()
        assert chunk is not None
        turn.publish(chunk)


async def test_all_turns_of_a_flush_go_in_one_message() -> None:
    async with place() as at:
        first, second = at.run(), at.run()
        at.watch(first, second)
        publish(first, "one")
        publish(second, "two")
        await until(at.wire.shapes)
        assert at.wire.shapes() == [[(1, True), (1, True)]]
        publish(first, "three")
        await until(lambda: len(at.wire.shapes()) == 2)
        assert at.wire.shapes()[1] == [(2, True)]


async def test_nothing_is_sent_that_nobody_elsewhere_watches() -> None:
    async with place() as at:
        turn = at.run()
        publish(turn, "one")
        at.watch(turn, after=1)
        at.unwatch(turn)
        publish(turn, "two")
        await until(lambda: len(at.outlets) == 0 or None)
        await asyncio.sleep(0)
        assert at.wire.sent == []


async def test_who_watches_from_a_chunk_on_gets_what_follows_it() -> None:
    async with place() as at:
        turn = at.run()
        publish(turn, "one", "two", "three")
        at.watch(turn, after=2)
        at.watch(turn, after=0, by="c")
        await until(lambda: at.wire.shapes("b") and at.wire.shapes("c"))
        assert at.wire.shapes("b") == [[(3, True)]]
        assert at.wire.shapes("c") == [[(1, True), (2, True), (3, True)]]


async def test_saying_it_again_sends_nothing_twice() -> None:
    async with place() as at:
        turn = at.run()
        at.watch(turn)
        publish(turn, "one", "two")
        await until(at.wire.shapes)
        at.watch(turn, after=1)
        publish(turn, "three")
        await until(lambda: len(at.wire.shapes()) == 2)
        assert at.wire.shapes() == [[(1, True), (2, True)], [(3, True)]]


async def test_who_lost_something_begins_again_where_it_stands() -> None:
    async with place() as at:
        turn = at.run()
        at.watch(turn)
        publish(turn, "one", "two")
        await until(at.wire.shapes)
        at.unwatch(turn)
        at.watch(turn, after=1)
        await until(lambda: len(at.wire.shapes()) == 2)
        assert at.wire.shapes()[1] == [(2, True)]


async def test_a_slow_bus_makes_messages_longer_not_more() -> None:
    async with place() as at:
        turn = at.run()
        at.watch(turn)
        at.wire.gate.clear()
        publish(turn, "one")
        await asyncio.sleep(0)
        for _ in range(50):
            publish(turn, "word ")
            await asyncio.sleep(0)
        at.wire.gate.set()
        await until(lambda: len(at.wire.shapes()) == 2)
        assert [len(shape) for shape in at.wire.shapes()] == [1, 50]


async def test_messages_stay_within_their_length() -> None:
    async with place(message_bytes=2000) as at:
        turn = at.run()
        publish(turn, *("ẩ" * 200 for _ in range(4)), "x" * 3000, "y")
        at.watch(turn)
        await until(lambda: sum(map(len, at.wire.shapes())) == 6)
        chunks = [each for shape in at.wire.shapes() for each in shape]
        assert chunks == [(1, True), (2, True), (3, True), (4, True), (5, False), (6, True)]
        frames: Sequence[Frames] = at.wire.to("b", Frames)  # type: ignore[assignment]
        for message in frames:
            assert sum(len(piece.text.encode()) for piece in message.pieces) <= 2000


async def test_the_end_follows_the_last_text() -> None:
    async with place() as at:
        turn = at.run()
        at.watch(turn)
        publish(turn, "one")
        at.hub.end(turn, "completed", DONE)
        await until(lambda: at.wire.to("b", EndedHere))
        assert [type(message) for _, message in at.wire.sent] == [Frames, EndedHere]
        end = at.wire.to("b", EndedHere)[0]
        assert isinstance(end, EndedHere)
        assert (end.turn, end.state) == (turn.id, "completed")
        assert '"type":"done"' in end.done
        assert not turn.watchers


async def test_where_only_the_database_knows_the_end_nothing_else_is_said() -> None:
    async with place() as at:
        turn = at.run()
        at.watch(turn)
        await asyncio.sleep(0)
        turn.finish("orphaned", ['{"type":"error"}'])
        await until(lambda: at.wire.sent)
        assert [message for _, message in at.wire.sent] == [EndedHere("a", turn.id)]


async def test_who_asks_for_a_turn_that_is_not_here_is_told_so() -> None:
    async with place() as at:
        absent = live_turn()
        at.watch(absent)
        await until(lambda: at.wire.sent)
        assert at.wire.sent == [("b", EndedHere("a", absent.id))]
        assert len(at.outlets) == 0


async def test_a_turn_is_announced_to_all() -> None:
    async with place() as at:
        turn = at.run()
        at.outlets.announce(turn)
        await until(lambda: at.wire.sent)
        [began] = at.wire.to("", Began)
        assert isinstance(began, Began)
        assert (began.node, began.turn, began.conversation, began.epoch) == (
            "a",
            turn.id,
            turn.conversation_id,
            turn.epoch,
        )


async def test_who_was_silent_for_long_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets_module, "SILENCE_SECONDS", 0.05)
    async with place() as at:
        turn = at.run()
        at.watch(turn)
        await until(lambda: len(at.outlets) == 0)
        assert not turn.watchers
        publish(turn, "one")
        await asyncio.sleep(0)
        assert at.wire.sent == []
        at.watch(turn)
        await until(at.wire.shapes)
