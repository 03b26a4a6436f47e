"""Open sockets whose person loses rights, and turns that nobody can want any more."""

import asyncio
import random
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import websockets

from tests.servers import TramServer
from tests.socket_client import SocketClient
from tests.sockets.conftest import OpenSocket, SignedIn


@pytest.fixture(scope="module")
def tram_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """A server that looks at rights and at turns often: other processes change them here."""
    env = {"REVALIDATE_SECONDS": "0.2", "BEAT_SECONDS": "0.2", "FRAMES_BURST": "400"}
    with TramServer(tmp_path_factory.mktemp("rights"), server_template, env) as server:
        yield server


def held(server: TramServer) -> object:
    return server.rows("select sum(held_nano_usd) from billing_budget")[0][0]


async def test_a_turn_of_a_deleted_conversation_is_stopped_and_stays_paid(
    open_socket: OpenSocket, signed_in: SignedIn, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("Write something long", model="gpt-4.1")
    await alice.first_text(accepted["turn"])
    path = f"/api/conversations/{accepted['conversation']}"
    assert signed_in("alice").delete(path).status_code == 204
    done = await alice.done(accepted["turn"])
    assert (done["state"], done["cost_nano_usd"] > 0) == ("interrupted", True)
    assert held(tram_server) == 0


async def test_a_turn_that_is_not_in_the_conversation_is_not_found(
    open_socket: OpenSocket,
) -> None:
    alice, charlie = await open_socket("alice"), await open_socket("charlie")
    mine = await alice.chat("Say something short", model="gpt-4.1")
    his = await charlie.chat("Write something long", model="gpt-4.1")
    await alice.done(mine["turn"])
    answers = set()
    for turn in (his["turn"], str(uuid.uuid4())):
        after = len(alice.frames)
        await alice.send(type="attach", conversation=mine["conversation"], turn=turn)
        error = await alice.wait_for(lambda f: f["type"] == "error", after=after)
        answers.add((error["code"], error["message"]))
    assert len(answers) == 1
    assert answers.pop()[0] == "not_found"
    await charlie.send(type="interrupt", turn=his["turn"])
    await charlie.done(his["turn"])


async def test_who_leaves_a_team_hears_nothing_of_it_any_more(
    open_socket: OpenSocket, signed_in: SignedIn, tram_server: TramServer
) -> None:
    alice, bob = await open_socket("alice"), await open_socket("bob")
    mine = await alice.chat("Write something long", model="gpt-4.1")
    await bob.send(type="attach", conversation=mine["conversation"])
    both = await alice.wait_for(lambda f: f["type"] == "presence" and len(f["people"]) == 2)
    watched = alice.frames.index(both)
    await bob.first_text(mine["turn"])
    tram_server.manage("shell", "-c", REMOVE_BOB)
    try:
        await alice.wait_for(
            lambda f: f["type"] == "presence" and len(f["people"]) == 1, after=watched
        )
        # What was sent to him before is still to be read: it ends where the answer to a ping is.
        await bob.send(type="ping")
        pong = await bob.wait_for(lambda f: f["type"] == "pong")
        heard = bob.frames.index(pong) + 1
        answer = signed_in("alice").patch(
            f"/api/conversations/{mine['conversation']}", json={"title": "Secret"}
        )
        assert answer.status_code == 200
        await alice.wait_for(lambda f: f["type"] == "conversation" and f.get("title") == "Secret")
        await bob.send(type="attach", conversation=mine["conversation"])
        error = await bob.wait_for(lambda f: f["type"] == "error", after=heard)
        assert error["code"] == "not_found"
        assert [f["type"] for f in bob.frames[heard:]] == ["error"]
    finally:
        tram_server.manage("shell", "-c", ADD_BOB)
        await alice.send(type="interrupt", turn=mine["turn"])
        await alice.done(mine["turn"])


async def test_signing_out_lets_a_turn_go_on_and_disabling_the_person_stops_it(
    tram_server: TramServer,
) -> None:
    with closing(tram_server.sign_in("bob")) as signed_in:
        bob = await SocketClient.open(tram_server.ws_url, tram_server.socket_headers(signed_in))
        accepted = await bob.chat("Write something long", model="gpt-4.1")
        await bob.first_text(accepted["turn"])
        signed_in.post("/accounts/logout/")
        assert await bob.wait_closed() == 4401
        await bob.close()
    state = "select state from chat_turn where id = ?"
    key = uuid.UUID(accepted["turn"]).hex
    await asyncio.sleep(0.5)
    assert tram_server.rows(state, key) == [("running",)]
    try:
        tram_server.manage("shell", "-c", SET_ACTIVE.format(False))
        async with asyncio.timeout(5):
            while tram_server.rows(state, key) == [("running",)]:
                await asyncio.sleep(0.05)
        assert tram_server.rows(state, key) == [("interrupted",)]
        assert held(tram_server) == 0
    finally:
        tram_server.manage("shell", "-c", SET_ACTIVE.format(True))


async def test_a_socket_that_dies_while_its_message_is_stored_leaves_no_turn_without_owner(
    tram_server: TramServer, signed_in: SignedIn
) -> None:
    headers = tram_server.socket_headers(signed_in("charlie"))
    rng = random.Random(3)
    for _ in range(12):
        client = await SocketClient.open(tram_server.ws_url, headers)
        await client.send(
            type="chat", id=str(uuid.uuid4()), content="Say something short", model="gpt-4.1"
        )
        await asyncio.sleep(rng.random() * 0.02)
        client.connection.transport.abort()
        with pytest.raises((websockets.ConnectionClosed, AssertionError)):
            await client.wait_for(lambda f: f["type"] == "never")
    async with asyncio.timeout(15):
        while held(tram_server) != 0:
            await asyncio.sleep(0.05)
    assert tram_server.rows("select count(*) from chat_turn where state = 'running'") == [(0,)]
    assert "pump_failed" not in tram_server.log
    assert "Traceback" not in tram_server.log


async def test_a_flood_of_a_few_hundred_frames_a_second_is_closed_too(
    open_socket: OpenSocket,
) -> None:
    alice = await open_socket("alice", acks=False)
    try:
        for _ in range(1500):
            await alice.send(type="ping")
            await asyncio.sleep(0.002)
    except websockets.ConnectionClosed:
        pass
    assert await alice.wait_closed() == 4429


REMOVE_BOB = """
from accounts.models import Membership, Team, User
Membership.objects.filter(team=Team.objects.get(name="Demo"), user__username="bob").delete()
"""
ADD_BOB = """
from accounts.models import Team, User
from accounts.roles import Role
from accounts.services import teams
teams.add_member(Team.objects.get(name="Demo"), User.objects.get(username="bob"), Role.MEMBER)
"""
SET_ACTIVE = """
from accounts.models import User
from accounts.services.people import set_standing
bob = User.objects.get(username="bob")
set_standing(bob, is_active={}, is_staff=False, is_superuser=False)
"""


async def test_a_key_that_reads_no_conversation_neither_hears_of_one_nor_goes_on_in_it(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    options = ("--name", "bot", "--scopes", "send_message,interrupt_turn")
    key = tram_server.manage("createapikey", "alice", *options).strip().splitlines()[-1]
    headers = {"Authorization": f"Bearer {key}"}
    async with await SocketClient.open(tram_server.ws_url, headers) as bot:
        secret = await alice.chat("The secret word is swordfish", model="gpt-4.1")
        await alice.done(secret["turn"])
        await bot.send(
            type="chat",
            id=str(uuid.uuid4()),
            conversation=secret["conversation"],
            content="Repeat what was said above",
        )
        assert (await bot.wait_for(lambda f: f["type"] == "error"))["code"] == "forbidden"
        await bot.send(type="interrupt", turn=secret["turn"])
        own = await bot.chat("Say something short", model="gpt-4.1")
        assert (await bot.done(own["turn"]))["state"] == "completed"
        assert list(bot.turns) == [own["turn"]]
        assert not [frame for frame in bot.frames if frame["type"] == "conversation"]
    assert [frame for frame in alice.frames if frame["type"] == "conversation"]
