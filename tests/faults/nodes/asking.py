"""Rows 37, 39, 40, 41 and 51: asked twice, stopped by many, a node replaced, a login ended."""

from __future__ import annotations

import asyncio
import uuid

from tests.faults.nodes.play import LONG, MODEL, SHORT, Play

STREAMS = 6


async def one_id_at_two_nodes(play: Play) -> None:
    """Rows 39 and 40: at once, then in the same tab again, then with other words."""
    near, far = await play.reader(0), await play.reader(1)
    id = str(uuid.uuid4())
    first, second = await asyncio.gather(near.ask(SHORT, id=id), far.ask(SHORT, id=id))
    again = await near.ask(SHORT, id=id)
    assert first["turn"] == second["turn"] == again["turn"]
    play.note(first, SHORT)
    other = await far.client.chat("Something else", id=id, model=MODEL)
    assert (other["type"], other["code"]) == ("error", "idempotency_mismatch")
    counted = play.cluster.rows("select count(*) from chat_turn where client_id = %s", id)
    assert counted == [(1,)]


async def many_interrupts(play: Play) -> None:
    """Row 41: two, then ten, from three nodes."""
    readers = [await play.reader(at) for at in range(3)]
    accepted = await play.ask(readers[0], LONG)
    for reader in readers[1:]:
        await reader.watch(accepted)
    for reader in readers:
        await reader.holds(accepted["turn"], 100)
    wish = {"type": "interrupt", "turn": accepted["turn"]}
    await asyncio.gather(*(reader.client.send(**wish) for reader in readers[1:]))
    async with play.timed("interrupt_elsewhere_seconds"):
        await readers[0].finish(accepted["turn"])
    await asyncio.gather(*(readers[number % 3].client.send(**wish) for number in range(10)))
    for reader in readers:
        await reader.finish(accepted["turn"])
        # What was asked before is answered by now.
        await reader.client.send(type="ping")
        await reader.client.wait_for(lambda frame: frame["type"] == "pong")


async def replaced_one_by_one(play: Play) -> None:
    """Row 37: a node ends in order, with readers and answers of its own and of others."""
    readers = [await play.reader(number % 3) for number in range(STREAMS)]
    accepted = [await play.ask(reader, LONG) for reader in readers]
    for reader, frame in zip(readers, accepted, strict=True):
        await reader.holds(frame["turn"], 20)
    node = play.cluster[1]
    own = [frame["turn"] for frame in accepted if frame is accepted[1] or frame is accepted[4]]
    ending = asyncio.create_task(asyncio.to_thread(node.terminate))
    await asyncio.gather(*(r.finish(a["turn"]) for r, a in zip(readers, accepted, strict=True)))
    assert await ending == 0
    assert "running" not in [play.state_of(turn) for turn in own], "settled before its exit"


async def signed_out(play: Play) -> None:
    """Row 51: at another node. The answer goes on, and is there at the next login."""
    reader = await play.reader(0, "charlie")
    turn = (await play.ask(reader))["turn"]
    await reader.holds(turn, 50)
    with play.cluster.page("charlie", 1) as page:
        page.post("/accounts/logout/")
    async with play.timed("sign_out_to_close_seconds"):
        assert await reader.client.wait_closed() == 4401
    play.cluster.forget("charlie")
