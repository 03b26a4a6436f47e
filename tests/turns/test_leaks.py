"""Turns that end, however they end, leave no task, no stream and no place at a gate behind."""

import asyncio
import random

from chat.services.intents import Admitted
from chat.turns.engine import Engine
from tests.turns.demo_relays import Relays
from tests.turns.doubles import FAST, MemoryRecords, admitted, seams, until

TURNS, AT_A_TIME, INTERRUPTED = 300, 30, 0.3


async def test_three_hundred_turns_with_interrupts_leave_nothing_behind() -> None:
    async with Relays() as relays:
        relay = await relays.add()
        records = MemoryRecords()
        engine = Engine(
            seams(relays, records=records), FAST, node="here", beat_seconds=1, max_turns=1000
        )
        engine.start()
        rng = random.Random(3)

        async def run_one() -> None:
            turn = admitted()

            async def store() -> Admitted:
                return turn

            await engine.admit(store, lambda _: None)
            if rng.random() < INTERRUPTED:
                for _ in range(rng.randrange(300)):
                    await asyncio.sleep(0)
                engine.interrupt(turn.turn_id, None)
            await until(lambda: turn.turn_id not in engine.running_ids(), seconds=20)

        for _ in range(TURNS // AT_A_TIME):
            await asyncio.gather(*(run_one() for _ in range(AT_A_TIME)))
        states = [end.state for end in records.ends]
        assert len({end.turn_id for end in records.ends}) == TURNS == len(states)
        assert set(states) == {"completed", "interrupted"}
        assert all(len(end.attempts) <= 1 for end in records.ends)
        await relay.until_quiet()
        assert relays.routes[0].gate.active() == 0
        await engine.aclose()
    await until(lambda: len(asyncio.all_tasks()) == 1)
