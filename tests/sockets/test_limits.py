"""Limits on a real server: turns wait in line and are told so, and Stop takes them out of it."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.servers import TramServer
from tests.socket_client import Frame, SocketClient

HELD = "select coalesce(sum(held_nano_usd), 0) from billing_budget"
TWO_STREAMS = {"MAX_STREAMS_PER_KEY": "2"}
SLOW = ("--tokens-per-second", "60")


async def open_as(server: TramServer, name: str) -> SocketClient:
    with closing(server.sign_in(name)) as signed_in:
        return await SocketClient.open(server.ws_url, server.socket_headers(signed_in))


def notices(client: SocketClient, turn: str) -> list[Frame]:
    return [f for f in client.frames if f["type"] == "notice" and f["turn"] == turn]


async def in_line(client: SocketClient, turn: str) -> Frame:
    return await client.wait_for(
        lambda f: f["type"] == "notice" and f["turn"] == turn and bool(f.get("position"))
    )


async def test_turns_beyond_the_places_wait_in_line_and_all_complete(
    server_template: Path, tmp_path: Path, redis_url: str
) -> None:
    env = TWO_STREAMS | {"REDIS_URL": redis_url}
    with TramServer(tmp_path, server_template, env, relay_options=SLOW) as server:
        async with await open_as(server, "alice") as alice, await open_as(server, "bob") as bob:
            hers = [await alice.chat("Say something short", model="gpt-4.1") for _ in range(4)]
            turns = [accepted["turn"] for accepted in hers]
            for turn, position in zip(turns[2:], (1, 2), strict=True):
                assert (await in_line(alice, turn))["position"] == position
            assert notices(alice, turns[2])[0]["code"] == "waiting"
            # Bob comes last and is second in line: her fourth turn waits for his.
            his = (await bob.chat("Say something short", model="gpt-4.1"))["turn"]
            assert (await in_line(bob, his))["position"] == 2
            dones = [await alice.done(turn) for turn in turns] + [await bob.done(his)]
        assert [done["state"] for done in dones] == ["completed"] * 5
        assert all(done["cost_nano_usd"] > 0 for done in dones)
        assert [n["position"] for n in notices(alice, turns[3])][:2] == [2, 3]
        waited = server.rows("select waited_ms from chat_attempt order by id")
        assert sum(ms > 0 for (ms,) in waited) >= 3
        assert server.rows(HELD) == [(0,)]
        server.manage("verifyledger")


async def test_an_interrupt_in_line_stops_at_once_and_costs_nothing(
    server_template: Path, tmp_path: Path, redis_url: str
) -> None:
    env = {"MAX_STREAMS_PER_KEY": "1", "REDIS_URL": redis_url}
    with TramServer(tmp_path, server_template, env, relay_options=SLOW) as server:
        async with await open_as(server, "alice") as alice:
            running = (await alice.chat("Write something long", model="gpt-4.1"))["turn"]
            await alice.first_text(running)
            waiting = (await alice.chat("Say something short", model="gpt-4.1"))["turn"]
            await in_line(alice, waiting)
            began = asyncio.get_running_loop().time()
            await alice.send(type="interrupt", turn=waiting)
            done = await alice.done(waiting)
            assert asyncio.get_running_loop().time() - began < 1
            assert (done["state"], done["cost_nano_usd"]) == ("interrupted", 0)
            # The place of the running one is not touched by it, and is free after its end.
            await alice.send(type="interrupt", turn=running)
            assert (await alice.done(running))["state"] == "interrupted"
            last = (await alice.chat("Say something short", model="gpt-4.1"))["turn"]
            assert (await alice.done(last))["state"] == "completed"
        assert server.rows(HELD) == [(0,)]


async def test_who_sends_faster_than_a_person_may_is_told_which_limit_and_when(
    server_template: Path, tmp_path: Path
) -> None:
    env = {"MAX_REQUESTS_PER_MINUTE_PER_PERSON": "1"}
    with TramServer(tmp_path, server_template, env) as server:
        async with await open_as(server, "alice") as alice:
            first = await alice.chat("Say something short", model="gpt-4.1")
            error = await alice.chat("And again", model="gpt-4.1")
            assert (error["type"], error["code"]) == ("error", "rate_limited")
            assert 30 < error["retry_after_seconds"] <= 60
            assert error["detail"] == {"limit": "person_requests", "maximum": 1}
            # The same send once more is the same turn, whatever the limit says.
            again = await alice.chat("Say something short", id=first["id"], model="gpt-4.1")
            assert (again["type"], again["turn"]) == ("accepted", first["turn"])
            assert (await alice.done(first["turn"]))["state"] == "completed"
        assert server.rows("select count(*) from chat_turn") == [(1,)]
        assert server.rows(HELD) == [(0,)]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.services)])
def redis_url(request: pytest.FixtureRequest) -> Any:
    """Where the server counts: in its own memory, or in Redis."""
    return "" if request.param == "memory" else request.getfixturevalue("valkey_url")
