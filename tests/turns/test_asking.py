"""What a program asked reaches it event by event, each once, until its end."""

import asyncio
from collections.abc import AsyncIterator
from types import MappingProxyType
from uuid import uuid4

import pytest

from accounts.policy import Principal
from accounts.roles import Role
from chat.protocol import Chunk, Done, Snapshot
from chat.relay.types import Delta, Finish
from chat.services.ending import TurnEnd
from chat.services.errors import TooManyTurns
from chat.services.intents import Admitted
from chat.turns.asking import Asking, TurnEvent
from chat.turns.engine import Engine
from tests.turns.doubles import (
    FAST,
    MemoryRecords,
    StepRelay,
    admitted,
    seams,
    until,
    whole_answer,
)

TEAM = uuid4()
ALICE = Principal(1, "alice", TEAM, MappingProxyType({TEAM: Role.OWNER}), 1, "api_key")


class Program:
    """Asks through an engine over doubles, and keeps what it is told."""

    def __init__(self) -> None:
        self.relay = StepRelay()
        self.records = MemoryRecords()
        self.engine = Engine(
            seams(self.relay, records=self.records),
            FAST,
            node="here",
            beat_seconds=0.005,
            max_turns=2,
            last_ends_seconds=0.1,
        )
        self.engine.start()
        self.told: list[TurnEvent] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.asking = Asking(self.engine, ALICE)

    async def take(self, event: TurnEvent) -> None:
        await self.reads.wait()
        self.told.append(event)

    async def begin(self, turn: Admitted | None = None) -> Admitted:
        wanted = turn or admitted(is_completion=True)

        async def store() -> Admitted:
            return wanted

        return await self.asking.begin(store)

    @property
    def text(self) -> str:
        return "".join(event.content for event in self.told if isinstance(event, Chunk))


@pytest.fixture
async def program() -> AsyncIterator[Program]:
    made = Program()
    await made.engine.beat.first()
    yield made
    made.asking.leave()
    await made.engine.aclose()
    this = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not this] == []


async def test_every_chunk_comes_in_order_and_the_end_last(program: Program) -> None:
    program.relay.feed(*whole_answer("It ", "was ", "night."))
    await program.begin()
    await program.asking.follow(program.take)
    assert program.text == "It was night."
    assert isinstance(program.told[-1], Done)
    assert program.told[-1].state == "completed"


async def test_what_is_no_text_comes_with_the_chunks_and_is_stored(program: Program) -> None:
    call = {"index": 0, "id": "1", "function": {"name": "weather", "arguments": '{"in'}}
    more = {"index": 0, "function": {"arguments": '":1}'}}
    program.relay.feed(Delta(extras={"tool_calls": [call]}), Delta(extras={"tool_calls": [more]}))
    program.relay.feed(Finish("tool_calls"), None)
    await program.begin()
    await program.asking.follow(program.take)
    whole = {"index": 0, "id": "1", "function": {"name": "weather", "arguments": '{"in":1}'}}
    assert program.records.ends[0].extras == {"tool_calls": [whole]}
    assert any(isinstance(event, Chunk) and event.extras for event in program.told)


async def test_who_reads_slowly_loses_nothing_and_holds_nobody_up(program: Program) -> None:
    program.reads.clear()
    program.relay.feed(*whole_answer(*["word "] * 500))
    await program.begin()
    following = asyncio.create_task(program.asking.follow(program.take))
    await until(lambda: program.records.ends)
    program.reads.set()
    await following
    assert program.text == "word " * 500


async def test_a_turn_that_has_ended_before_is_told_whole(program: Program) -> None:
    turn = admitted(created=False, is_completion=True)
    end = TurnEnd(turn.turn_id, 1, "gpt-4.1", "completed", "It was night.", "", ())
    program.records.ends.append(end)
    await program.begin(turn)
    await program.asking.follow(program.take)
    snapshot, done = program.told
    assert isinstance(snapshot, Snapshot)
    assert snapshot.content == "It was night."
    assert isinstance(done, Done)


async def test_an_interruption_closes_the_relay_and_the_end_says_so(program: Program) -> None:
    program.relay.feed("It ")
    await program.begin()
    following = asyncio.create_task(program.asking.follow(program.take))
    await until(lambda: program.text)
    await program.asking.interrupt()
    await following
    assert isinstance(program.told[-1], Done)
    assert program.told[-1].state == "interrupted"
    assert program.relay.closed.is_set()


async def test_who_stops_following_leaves_no_watcher(program: Program) -> None:
    turn = await program.begin()
    following = asyncio.create_task(program.asking.follow(program.take))
    await asyncio.sleep(0)
    following.cancel()
    await asyncio.wait({following})
    program.asking.leave()
    assert not program.engine.hub.is_watched(turn.conversation_id)
    live = program.engine.hub.live(turn.turn_id)
    assert live is not None
    assert not live.watchers


async def test_a_fault_of_the_reader_is_raised_and_the_turn_goes_on(program: Program) -> None:
    async def refuse(_event: TurnEvent) -> None:
        raise ConnectionResetError

    await program.begin()
    program.relay.feed("It ")
    with pytest.raises(ConnectionResetError):
        await program.asking.follow(refuse)
    program.relay.feed(*whole_answer("was."))
    await until(lambda: program.records.ends)
    assert program.records.ends[0].content == "It was."


async def test_a_refused_turn_leaves_nothing_to_interrupt(program: Program) -> None:
    async def refuse() -> Admitted:
        raise TooManyTurns

    with pytest.raises(TooManyTurns):
        await program.asking.begin(refuse)
    await program.asking.interrupt()


async def test_who_goes_during_the_admission_stops_what_is_admitted_then(program: Program) -> None:
    may_store = asyncio.Event()

    async def store() -> Admitted:
        await may_store.wait()
        return admitted(is_completion=True, node="here")

    beginning = asyncio.create_task(program.asking.begin(store))
    await asyncio.sleep(0)
    program.asking.abandon()
    may_store.set()
    await beginning
    await until(lambda: program.records.ends)
    assert program.records.ends[0].state == "interrupted"


async def test_who_gives_up_waiting_for_the_admission_leaves_no_watcher(program: Program) -> None:
    may_store, turn = asyncio.Event(), admitted(is_completion=True, node="here")

    async def store() -> Admitted:
        await may_store.wait()
        return turn

    beginning = asyncio.create_task(program.asking.begin(store))
    await asyncio.sleep(0)
    program.asking.abandon()
    beginning.cancel()
    await asyncio.wait({beginning})
    program.asking.leave()
    may_store.set()
    await until(lambda: program.records.ends)
    assert program.records.ends[0].state == "interrupted"
    assert not program.engine.hub.is_watched(turn.conversation_id)
