"""Rows 33, 35, 36, 38 and 55: the owner of a turn dies, or seems to."""

from __future__ import annotations

import asyncio
import signal

from tests.cluster import Cluster
from tests.faults.nodes.play import LONG, SHORT, Play, until

STILL_SECONDS = 1.0
WAITS_FOR_A_LOCK = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""
LOCK = """
select id from billing_budget where id in (
    select budget_id from billing_holdbudget b join billing_hold h on h.id = b.hold_id
    where h.subject = %s
) for update
"""
"""What a settlement must wait for. The journal and the beats need none of it."""


async def killed_while_it_writes(play: Play) -> None:
    """Row 33: one reader at the owner, one elsewhere."""
    near, far = await play.reader(0), await play.reader(1)
    accepted = await play.ask(near, LONG)
    await far.watch(accepted)
    await far.holds(accepted["turn"], 200)
    async with play.timed("death_to_end_elsewhere_seconds"):
        play.cluster[0].kill()
        await far.finish(accepted["turn"])


async def killed_before_the_commit(play: Play) -> None:
    """Row 35: the usage has come, and the end waits for a row that somebody else holds."""
    near, far = await play.reader(0), await play.reader(1)
    with play.cluster.connect() as holding:
        accepted = await play.ask(near, SHORT)
        await far.watch(accepted)
        holding.execute(LOCK, (f"turn:{accepted['turn']}",))
        await until(lambda: play.cluster.rows(WAITS_FOR_A_LOCK) != [(0,)])
        assert play.requests()[-1].usage_reported
        assert play.state_of(accepted["turn"]) == "running"
        play.cluster[0].kill()


async def killed_after_the_commit(play: Play) -> None:
    """Row 36: the end is stored, and its process hears and says nothing any more."""
    near, far = await play.reader(0), await play.reader(1)
    door = play.doors[0]
    with play.cluster.connect() as holding:
        accepted = await play.ask(near, SHORT)
        turn = accepted["turn"]
        await far.watch(accepted)
        holding.execute(LOCK, (f"turn:{turn}",))
        await until(lambda: play.cluster.rows(WAITS_FOR_A_LOCK) != [(0,)])
        door.deafen_after(b"COMMIT")
    await play.ended(turn)
    assert near.turns[turn].done is None, "nobody was told by the process that stored it"
    play.cluster[0].kill()
    await asyncio.to_thread(door.open)


async def paused_and_woken(play: Play) -> None:
    """Row 38: SIGSTOP until the others have taken over, then SIGCONT."""
    near, far = await play.reader(0), await play.reader(1)
    accepted = await play.ask(near, LONG)
    turn = accepted["turn"]
    await far.watch(accepted)
    await far.holds(turn, 200)
    play.cluster[0].signal(signal.SIGSTOP)
    try:
        await far.finish(turn)
        kept = stored_text(play.cluster, turn)
    finally:
        play.cluster[0].signal(signal.SIGCONT)
    async with play.timed("woken_to_let_go_seconds"):
        await until(lambda: play.cluster.relay.streams() == 0)
    await near.finish(turn)
    assert stored_text(play.cluster, turn) == kept, "the one that woke wrote nothing"


async def stands_still(play: Play) -> None:
    """Row 55: for less than its lease."""
    near, far = await play.reader(0), await play.reader(1)
    accepted = await play.ask(near, SHORT)
    await far.watch(accepted)
    await far.holds(accepted["turn"], 50)
    play.cluster[0].signal(signal.SIGSTOP)
    await asyncio.sleep(STILL_SECONDS)
    play.cluster[0].signal(signal.SIGCONT)


def stored_text(cluster: Cluster, turn: str) -> tuple[object, ...]:
    """What is stored of a turn that ended."""
    return cluster.rows(
        "select t.state, t.epoch, t.cost_nano_usd, m.content from chat_turn t "
        "join chat_message m on m.id = t.assistant_message_id where t.id = %s",
        turn,
    )[0]
