"""Row 42: an interrupt races the completion. One of them ends the turn, never both.

`make faults` plays it a thousand times.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from accounts.policy import Principal
from billing.budgets import budget_of
from billing.models import Settlement
from chat.models import Turn
from chat.relay.attempts import RoutedEvent
from chat.services.errors import StorageUnavailable
from chat.services.intents import Admitted
from chat.turns.bus import NoBus
from chat.turns.engine import Engine, Seams
from chat.turns.journal import Rhythm
from chat.turns.records import DatabaseTurnRecords
from chat.turns.store import DatabaseChunkStore
from tests.chat.admitting import send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced
from tests.faults.waiting import until
from tests.people import Cast
from tests.turns.doubles import Client, NothingElsewhere, StepRelay, whole_answer

__all__ = ["alice", "people", "priced"]
pytestmark = pytest.mark.django_db(transaction=True)

RUNS = int(os.environ.get("RACES", "40"))
AT_ONCE = 8
PIECES = ("It ", "was ", "the ", "night ", "train.")
WINDOW_SECONDS = 0.12


class QuickRelay:
    """Answers everybody alike, a piece every few turns of the loop."""

    async def stream(
        self, request: Any, claim: Any, go_on: Any = None
    ) -> AsyncGenerator[RoutedEvent, None]:
        relay = StepRelay()
        relay.feed(*whole_answer(*PIECES))
        async with aclosing(relay.stream(request, claim, go_on)) as events:
            async for event in events:
                yield event
                await asyncio.sleep(0.002)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    surroundings = Seams(
        QuickRelay(),
        DatabaseChunkStore(),
        DatabaseTurnRecords(),
        NothingElsewhere(),
        NoBus(),
    )
    made = Engine(
        surroundings,
        Rhythm(interval_seconds=0),
        node="here",
        beat_seconds=2.0,
        max_turns=AT_ONCE,
        alone=True,
    )
    made.start()
    yield made
    await made.aclose()


@pytest.fixture(autouse=True)
def many_turns(settings: Any) -> None:
    settings.TURNS = replace(settings.TURNS, max_turns_per_person=10_000, default_max_tokens=256)


async def take(engine: Engine, admitted: Callable[[], Awaitable[Admitted]]) -> None:
    """Admit a turn; on a machine that stood still the engine wants its lease renewed before."""
    while True:
        try:
            await engine.admit(admitted, lambda _: None)
        except StorageUnavailable:
            await asyncio.sleep(0.1)
        else:
            return


async def race(engine: Engine, turn: Admitted, after_seconds: float) -> str:
    """Run a turn and interrupt it after a while; gives the end that its client was told."""
    client = Client()
    engine.hub.attach(client.viewer, turn.conversation_id)
    pump = asyncio.create_task(client.viewer.pump())

    async def admitted() -> Admitted:
        return turn

    def ends() -> list[Any]:
        return [frame for frame in map(json.loads, client.frames) if frame["type"] == "done"]

    try:
        await take(engine, admitted)
        await asyncio.sleep(after_seconds)
        engine.interrupt(turn.turn_id, 1)
        await until(ends, 60)
        (end,) = ends()
        text = "".join(
            frame["content"] for frame in map(json.loads, client.frames) if frame["type"] == "chunk"
        )
    finally:
        pump.cancel()
        await asyncio.wait({pump})
        engine.hub.detach(client.viewer, turn.conversation_id)
    state: str = end["state"]
    assert text == "".join(PIECES) if state == "completed" else "".join(PIECES).startswith(text)
    return state


async def test_an_interrupt_or_the_completion_ends_a_turn_never_both(
    engine: Engine, alice: Principal, people: Cast
) -> None:
    rng = random.Random(42)
    told: dict[Any, str] = {}
    for _ in range(0, RUNS, AT_ONCE):
        turns = [await in_database(send, alice) for _ in range(AT_ONCE)]
        delays = [rng.random() * WINDOW_SECONDS for _ in turns]
        ended = await asyncio.gather(*map(race, [engine] * AT_ONCE, turns, delays))
        told |= {turn.turn_id: state for turn, state in zip(turns, ended, strict=True)}
    stored = dict(await in_database(lambda: list(Turn.objects.values_list("id", "state"))))
    assert told == stored
    counted = Counter(told.values())
    print(dict(counted))
    assert counted.keys() == {"completed", "interrupted"}, "the race was none"
    subjects = await in_database(lambda: list(Settlement.objects.values_list("subject", flat=True)))
    assert sorted(subjects) == sorted(f"turn:{id}" for id in told)
    budget = await in_database(budget_of, people.team.pk)
    assert budget.held_nano_usd == 0


async def in_database(what: Any, *arguments: Any) -> Any:
    def ask() -> Any:
        try:
            return what(*arguments)
        finally:
            connections.close_all()

    return await sync_to_async(ask)()
