"""Rows 46, 49 and 50: refused for want of money, a limit lowered and a price edited meanwhile.

Row 48, many sends at once with money for few, is `budgets`.
"""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from tests.faults.nodes.play import MODEL, SHORT, Play
from tests.faults.nodes.purse import Order, Wanted
from tests.faults.nodes.reader import Reader
from tests.socket_client import Frame

WRITTEN = (
    *("chat_conversation", "chat_message", "chat_turn", "chat_attempt", "chat_waitingmessage"),
    *("billing_hold", "billing_holdbudget", "billing_transfer", "billing_budget"),
)
ENOUGH_NANO_USD = 10**9
PRICE_USD, OTHER_PRICE_USD = "8", "80"
BEGUN_CHARACTERS = 20
HALTING: tuple[dict[str, Any], ...] = (
    {"act": "say", "tokens": 20},
    {"act": "wait", "seconds": 2.0},
    *({"act": act} for act in ("say", "finish", "report", "done", "end")),
)
"""The usual answer, with time enough in the middle to stop the relay there."""


async def refused_for_money(play: Play) -> None:
    """Row 46: with figures, and nothing is written; the same message passes when there is money."""
    near, far = await play.reader(0), await play.reader(1)
    id = str(uuid.uuid4())
    async with limited(play, nano_usd=1):
        before = written(play)
        for reader in (near, far):
            refused = await reader.client.chat(SHORT, id=id, model=MODEL)
            assert refused["code"] == "budget_exhausted", refused
            assert refused["detail"]["scope"] == "person"
            assert refused["detail"]["remaining_nano_usd"] == 1
            assert refused["detail"]["needed_nano_usd"] > 1
        assert written(play) == before
        assert play.requests() == []
    accepted = await play.ask(far, SHORT, id=id)
    await near.watch(accepted)


async def limit_lowered(play: Play) -> None:
    """Row 49: below what is used. What runs finishes within its hold, what is new is refused."""
    near, far = await play.reader(0), await play.reader(1)
    async with limited(play, nano_usd=ENOUGH_NANO_USD) as alice:
        accepted = await begun(play, near, far)
        async with standing_still(play, accepted["turn"]):
            # To 1 nano-USD: less than the answer costs, too. What a hold gives back may be spent.
            await spend(play, room=1 - accepted["hold_nano_usd"], person=alice)
        refused = await far.client.chat(SHORT, model=MODEL)
        assert refused["code"] == "budget_exhausted", refused
        assert refused["detail"]["remaining_nano_usd"] < refused["detail"]["needed_nano_usd"]
        for reader in (near, far):
            await reader.finish(accepted["turn"])
        query = "select cost_nano_usd <= hold_nano_usd from chat_turn where id = %s"
        assert play.cluster.rows(query, accepted["turn"]) == [(True,)]
        assert (await far.client.chat(SHORT, model=MODEL))["code"] == "budget_exhausted"


async def price_edited(play: Play) -> None:
    """Row 50: ten times dearer. What runs costs what its hold pinned, what is new the new price."""
    near, far = await play.reader(0), await play.reader(1)
    first = await begun(play, near, far)
    try:
        async with standing_still(play, first["turn"]):
            await edit_price(play, OTHER_PRICE_USD)
        second = await play.ask(far, SHORT)
        for accepted, reader in ((first, near), (second, far)):
            await reader.finish(accepted["turn"])
    finally:
        await edit_price(play, PRICE_USD)
    times = int(OTHER_PRICE_USD) // int(PRICE_USD)
    query = "select cost_nano_usd from chat_turn where id = %s"
    for accepted, request, dearer in zip((first, second), play.requests(), (1, times), strict=True):
        cost = play.cluster.rows(query, accepted["turn"])[0][0]
        assert request.cost_nano_usd
        assert cost == dearer * request.cost_nano_usd


async def begun(play: Play, near: Reader, far: Reader) -> Frame:
    """Ask at one node; gives `accepted` when another one shows the beginning of the answer."""
    await asyncio.to_thread(play.cluster.relay.queue, [*HALTING])
    accepted = await play.ask(near, SHORT)
    await far.watch(accepted)
    await far.holds(accepted["turn"], BEGUN_CHARACTERS)
    return accepted


@asynccontextmanager
async def limited(play: Play, nano_usd: int) -> AsyncIterator[int]:
    """Alice has a hard limit in her team for so long; gives her number."""
    alice = play.cluster.rows("select id from accounts_user where username = 'alice'")[0][0]
    wanted = Wanted(scope="person", nano_usd=nano_usd, person=alice)
    await spend(play, limits=[wanted])
    try:
        yield alice
    finally:
        await spend(play, end=True)


@asynccontextmanager
async def standing_still(play: Play, turn: str) -> AsyncIterator[None]:
    """The relay does, and so the turn is still written when it goes on."""
    play.cluster.relay.signal(signal.SIGSTOP)
    try:
        yield
        assert play.state_of(turn) == "running"
    finally:
        play.cluster.relay.signal(signal.SIGCONT)


async def spend(play: Play, **fields: Any) -> None:
    """An administrator's order about the team of the demo."""
    team: UUID = play.cluster.rows("select id from accounts_team where name = 'Demo'")[0][0]
    found = await asyncio.to_thread(play.purse.do, Order(team=team, **fields))
    assert found.differences == []


async def edit_price(play: Play, usd: str) -> None:
    """What a million tokens cost from now on, in and out."""
    await spend(play, priced=MODEL, price_usd=usd)


def written(play: Play) -> tuple[int, ...]:
    """How many rows there are of all that a send writes."""
    counts = ", ".join(f"(select count(*) from {table})" for table in WRITTEN)
    return play.cluster.rows(f"select {counts}")[0]
