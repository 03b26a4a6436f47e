"""The process that `kills` kills: the real engine over the real database, before a client that
hands on what it gets."""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any
from uuid import UUID, uuid4

TURNS_AT_ONCE = 4
PIECES = ("word ", "né ", "đường ", "汉字", "🌙", "\n", "a longer piece of text " * 3)


class Talker:
    """A relay that says random pieces, quickly."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    async def stream(
        self, request: Any, claim: Any, go_on: Any = None
    ) -> AsyncGenerator[Any, None]:
        """The seam to the relay."""
        from chat.relay.attempts import Attempt, AttemptStarted
        from chat.relay.types import Delta, Finish, Usage, UsageReport

        attempt = Attempt(1, "talker", "", request, sent=True)
        yield AttemptStarted(attempt)
        for _ in range(self._rng.randrange(1, 60)):
            await asyncio.sleep(self._rng.random() * 0.008)
            yield Delta(self._rng.choice(PIECES))
        for event in (Finish("stop"), UsageReport(Usage(10, 20, 30))):
            attempt.note(event)
            yield event
        attempt.end()


async def run_turns(seed: int, person: Any, out: int) -> None:
    """In the child: run some turns, and hand on each frame that a client gets."""
    from django.conf import settings

    from chat.crossing import cross
    from chat.services.admission import start_turn
    from chat.services.intents import Intent, Models
    from chat.turns.bus import NoBus
    from chat.turns.engine import Engine, Seams
    from chat.turns.journal import Rhythm
    from chat.turns.reading import DatabaseTurnReader
    from chat.turns.records import DatabaseTurnRecords
    from chat.turns.store import DatabaseChunkStore
    from chat.turns.viewer import Viewer

    early = 0

    async def hand_on(text: str) -> None:
        nonlocal early
        if early != (early := engine._journal.shown_early):
            # A commit took longer than delivery waits: from here on two things have failed.
            os.write(out, b'{"type": "early"}\n')
        os.write(out, text.encode() + b"\n")

    rng, node = random.Random(seed), f"killed {seed}"
    store = DatabaseChunkStore()
    store.warm()
    stored = store, DatabaseTurnRecords(), DatabaseTurnReader()
    engine = Engine(
        Seams(Talker(rng), *stored, NoBus()),
        Rhythm(),
        node=node,
        beat_seconds=settings.TURNS.beat_seconds,
        alone=True,
        max_turns=TURNS_AT_ONCE,
    )
    engine.start()
    viewer = Viewer(hand_on, window_bytes=10**9, ack_timeout_seconds=60, queue_frames=1000)
    pump = asyncio.create_task(viewer.pump())

    def watch(conversation_id: UUID) -> None:
        engine.hub.attach(viewer, conversation_id)

    async def ask() -> None:
        intent = Intent("chat", uuid4(), content="Tell")
        await engine.admit(
            lambda: cross(start_turn, person, intent, models=Models("gpt-4.1"), node=node),
            lambda admitted: watch(admitted.conversation_id),
        )

    await asyncio.gather(*(ask() for _ in range(TURNS_AT_ONCE)))
    await pump


def fork(act: Callable[[], object]) -> int:
    """Run `act` in a child; gives its process number."""
    child = os.fork()
    if child:
        return child
    try:
        act()
    finally:
        os._exit(0)


def end(child: int) -> None:
    """kill -9, and wait until it is gone."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def listen_then_kill(child: int, heard: int, seconds: float) -> list[dict[str, Any]]:
    """Take what the child hands on, kill it so long after its first frame (now and then before),
    and give all whole frames: what the client has got."""
    data, deadline = b"", time.monotonic() + 10.0
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([heard], [], [], left)[0]:
            break
        first, piece = not data, os.read(heard, 65_536)
        if not piece:
            break
        data += piece
        if first:
            deadline = time.monotonic() + seconds
    end(child)
    while piece := os.read(heard, 65_536):
        data += piece
    os.close(heard)
    return [json.loads(line) for line in data.split(b"\n")[:-1]]
