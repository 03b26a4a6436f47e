"""Whoever lost a turn stores nothing of it, shows nothing of it, and closes its relay."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import OperationalError

from chat.services.ending import TurnEnd
from chat.services.intents import Admitted
from chat.turns.engine import Engine
from chat.turns.store import MemoryChunkStore
from tests.turns.doubles import (
    FAST,
    Client,
    MemoryRecords,
    StepRelay,
    admitted,
    seams,
    until,
)


class Zombie:
    """An engine with one running turn that another process takes over."""

    def __init__(self) -> None:
        self.relay, self.records, self.store = StepRelay(), MemoryRecords(), MemoryChunkStore()
        self.engine = Engine(
            seams(self.relay, records=self.records, store=self.store),
            FAST,
            node="here",
            beat_seconds=0.005,
            max_turns=2,
        )
        self.client = Client()
        self.engine.start()

    async def send(self) -> Admitted:
        wanted = admitted()
        self.engine.hub.attach(self.client.viewer, wanted.conversation_id)

        async def store() -> Admitted:
            return wanted

        await self.engine.admit(store, lambda _: None)
        return wanted

    def taken_over(self, turn: Admitted, content: str) -> None:
        """The other process has settled it with what it found in the journal."""
        end = TurnEnd(turn.turn_id, 2, turn.model, "orphaned", content, "", ())
        self.records.ends.append(end)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.client.frames]


@pytest.fixture
async def zombie() -> AsyncIterator[Zombie]:
    made = Zombie()
    await made.engine.beat.first()
    pump = asyncio.create_task(made.client.viewer.pump())
    yield made
    pump.cancel()
    await asyncio.wait({pump})
    await made.engine.aclose()


async def test_a_refused_chunk_is_not_shown_and_closes_the_relay_once(zombie: Zombie) -> None:
    turn = await zombie.send()
    zombie.relay.feed("It was ")
    await until(lambda: any(event["type"] == "chunk" for event in zombie.told()))
    zombie.store.lost.add(turn.turn_id)
    zombie.taken_over(turn, "It was ")
    zombie.relay.feed("a zombie's text")
    await until(lambda: not zombie.engine.running_ids())
    await until(lambda: zombie.told()[-1]["type"] == "done")
    assert not any("zombie" in frame for frame in zombie.client.frames)
    assert zombie.relay.closings == 1
    assert [chunk.content for chunk in zombie.store.chunks] == ["It was "]
    assert len(zombie.records.ends) == 1


async def test_its_viewers_are_shown_the_stored_end(zombie: Zombie) -> None:
    turn = await zombie.send()
    zombie.relay.feed("It was")
    await until(lambda: any(event["type"] == "chunk" for event in zombie.told()))
    zombie.taken_over(turn, "It was")
    zombie.engine.running.lose([turn.turn_id])
    await until(lambda: zombie.told()[-1]["type"] == "done")
    snapshot, done = zombie.told()[-2:]
    assert (snapshot["type"], snapshot["state"], snapshot["content"], snapshot["epoch"]) == (
        "snapshot",
        "orphaned",
        "It was",
        2,
    )
    assert done["state"] == "orphaned"
    assert zombie.records.completed == []


async def test_what_was_shown_while_the_database_was_away_is_added(zombie: Zombie) -> None:
    turn = await zombie.send()
    zombie.store.gate.clear()
    zombie.relay.feed("It was a dark night")
    await until(lambda: any(event["type"] == "chunk" for event in zombie.told()))
    zombie.taken_over(turn, "It was")
    zombie.store.lost.add(turn.turn_id)
    zombie.store.gate.set()
    await until(lambda: zombie.told()[-1]["type"] == "done")
    assert zombie.told()[-2]["content"] == "It was a dark night"
    assert [end.content for end in zombie.records.ends] == ["It was a dark night"]


async def test_the_end_is_waited_for_while_the_other_process_settles(zombie: Zombie) -> None:
    turn = await zombie.send()
    await zombie.relay.opened.wait()
    zombie.engine.running.lose([turn.turn_id])
    await zombie.relay.closed.wait()
    assert zombie.engine.running_ids() == (turn.turn_id,)
    zombie.taken_over(turn, "")
    await until(lambda: zombie.told()[-1]["type"] == "done")


async def test_a_beat_that_finds_a_turn_lost_lets_it_go(zombie: Zombie) -> None:
    turn = await zombie.send()
    zombie.taken_over(turn, "")
    zombie.records.lost.add(turn.turn_id)
    await until(lambda: not zombie.engine.running_ids())
    assert zombie.relay.closings == 1
    assert len(zombie.records.ends) == 1


async def test_a_turn_that_ends_while_the_beat_looks_is_not_lost(zombie: Zombie) -> None:
    turn = await zombie.send()
    zombie.records.error = OperationalError("slow")
    zombie.relay.feed("Hello", None)
    await until(lambda: zombie.records.failures)
    zombie.engine.running.lose([turn.turn_id])
    zombie.records.error = None
    await until(lambda: not zombie.engine.running_ids())
    assert [end.content for end in zombie.records.ends] == ["Hello"]


async def test_losing_what_does_not_run_here_is_nothing(zombie: Zombie) -> None:
    zombie.engine.running.lose([admitted().turn_id])
    assert not zombie.engine.running_ids()


async def test_a_lease_that_ran_out_by_the_databases_clock_is_a_reason_to_doubt(
    zombie: Zombie,
) -> None:
    """The machine slept, and with it the clock of the process."""
    turn = await zombie.send()
    await zombie.relay.opened.wait()
    zombie.store.gate.clear()
    zombie.records.lease_age_seconds = 3600.0
    asked = zombie.records.questions
    await until(lambda: zombie.records.questions > asked + 1)
    zombie.relay.feed("text of a zombie")
    await until(lambda: zombie.engine.journal_stall_seconds() > 0)
    await asyncio.sleep(0.05)
    zombie.store.lost.add(turn.turn_id)
    zombie.taken_over(turn, "")
    zombie.store.gate.set()
    await until(lambda: zombie.told()[-1]["type"] == "done")
    assert not any("zombie" in frame for frame in zombie.client.frames)
