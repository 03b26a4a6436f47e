"""Rows 29 to 32 and 44: Redis and PostgreSQL go, and come back."""

import asyncio

from tests.faults.nodes.play import LONG, Play, until


async def redis_restarts(play: Play) -> None:
    """Row 29."""
    near, far = await play.reader(0), await play.reader(1)
    accepted = await play.ask(near, LONG)
    turn = accepted["turn"]
    await far.watch(accepted)
    await far.holds(turn, 100)
    await asyncio.to_thread(play.cluster.valkey.kill)
    await asyncio.to_thread(play.cluster.valkey.start)
    async with play.timed("pause_of_the_other_node_seconds"):
        await far.holds(turn, len(near.turns[turn].content) + 1)


async def without_redis(play: Play) -> None:
    """Row 30: sent, read and joined while there is no Redis."""
    near, far = await play.reader(0), await play.reader(1)
    await asyncio.to_thread(play.cluster.valkey.kill)
    try:
        accepted = await play.ask(near, LONG)
        await far.watch(accepted)
        await far.holds(accepted["turn"], 100)
        await play.reader(2, of=accepted)
        await far.finish(accepted["turn"])
        await near.finish(accepted["turn"])
    finally:
        await asyncio.to_thread(play.cluster.valkey.start)


async def stopped_without_redis(play: Play) -> None:
    """Row 44: by the flag in the database."""
    near, far = await play.reader(0), await play.reader(1)
    accepted = await play.ask(near, LONG)
    await far.watch(accepted)
    await far.holds(accepted["turn"], 50)
    await asyncio.to_thread(play.cluster.valkey.kill)
    try:
        async with play.timed("stop_without_redis_seconds"):
            await far.client.send(type="interrupt", turn=accepted["turn"])
            await near.finish(accepted["turn"])
        await far.finish(accepted["turn"])
    finally:
        await asyncio.to_thread(play.cluster.valkey.start)


async def postgresql_restarts(play: Play) -> None:
    """Row 31: text comes on, and who sends is told to try again."""
    near, far, bob = await play.reader(0), await play.reader(1), await play.reader(2, "bob")
    accepted = await play.ask(near, LONG)
    turn = accepted["turn"]
    await far.watch(accepted)
    await far.holds(turn, 100)
    await asyncio.to_thread(play.cluster.postgresql.stop)
    try:
        before = len(near.turns[turn].content)
        async with play.timed("pause_without_postgresql_seconds"):
            await near.holds(turn, before + 1)
        await near.holds(turn, before + 200)
        refused = await bob.client.chat("Say hello", model="gpt-4.1")
        assert (refused["type"], refused["code"]) == ("error", "storage_unavailable"), refused
    finally:
        await asyncio.to_thread(play.cluster.postgresql.start)


async def postgresql_stays_away(play: Play) -> None:
    """Row 32: longer than JOURNAL_STOP_SECONDS."""
    near, far = await play.reader(0), await play.reader(1)
    accepted = await play.ask(near, LONG)
    await far.watch(accepted)
    await far.holds(accepted["turn"], 100)
    await asyncio.to_thread(play.cluster.postgresql.stop)
    try:
        await until(lambda: play.cluster.relay.streams() == 0)
    finally:
        await asyncio.to_thread(play.cluster.postgresql.start)
