"""Alice at one process and Bob at another: one line, one presence, rights within a moment."""

import asyncio
import uuid
from contextlib import closing
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.socket_client import Frame, SocketClient

pytestmark = pytest.mark.services

ROUNDS = 10


async def watch(client: SocketClient, turn: Frame) -> None:
    """Watch a conversation, up to its line."""
    await client.send(type="attach", conversation=turn["conversation"])
    await client.wait_for(
        lambda f: f["type"] == "queue" and f["conversation"] == turn["conversation"]
    )


async def seen_together(client: SocketClient, count: int, after: int = 0) -> Frame:
    """Wait until so many people are there."""
    return await client.wait_for(
        lambda f: f["type"] == "presence" and len(f["people"]) == count, after=after
    )


async def test_two_people_at_two_processes_write_in_one_order(cluster: Cluster) -> None:
    async with await cluster.open("alice", 0) as alice, await cluster.open("bob", 1) as bob:
        first = await alice.chat("Say something short", model="gpt-4.1")
        await watch(bob, first)
        for client in (alice, bob):
            await seen_together(client, 2)
        await bob.send(type="typing", conversation=first["conversation"])
        told = await alice.wait_for(lambda f: f["type"] == "typing")
        assert told["person"]["name"].lower() == "bob"
        ids: dict[str, SocketClient] = {}
        for number in range(ROUNDS):
            pair = {str(uuid.uuid4()): client for client in (alice, bob)}
            ids |= pair
            place: dict[str, Any] = {"conversation": first["conversation"]}
            place["options"] = {"max_tokens": 8}
            sends = [
                client.send(type="chat", id=id, content=f"{number}", **place)
                for id, client in pair.items()
            ]
            await asyncio.gather(*sends)
            for id, client in pair.items():
                await client.wait_for(lambda f, id=id: f.get("id") == id)  # type: ignore[misc]
        for id, client in ids.items():
            answer = await client.answer_to(id)
            assert answer["type"] == "accepted", answer
    rows = cluster.rows(
        "select q.parent_id, t.assistant_message_id, t.client_id from chat_turn t"
        " join chat_message q on q.id = t.user_message_id where t.conversation_id = %s"
        " order by q.number",
        uuid.UUID(first["conversation"]),
    )
    assert sorted(str(row[2]) for row in rows[1:]) == sorted(ids), "each message once"
    assert [row[0] for row in rows[1:]] == [row[1] for row in rows[:-1]], "one chain"
    assert cluster.rows("select count(*) from chat_waitingmessage") == [(0,)]


async def test_rights_lost_at_one_process_are_lost_at_the_other(cluster: Cluster) -> None:
    with closing(cluster[1].sign_in("bob")) as signed_in:
        headers = cluster[0].socket_headers(signed_in)
        bob = await SocketClient.open(cluster[0].ws_url, headers)
        turn = await bob.chat("Write something long", model="gpt-4.1")
        await bob.first_text(turn["turn"])
        signed_in.post("/accounts/logout/")
        assert await bob.wait_closed() == 4401
        await bob.close()
    state = "select state from chat_turn where id = %s"
    key = uuid.UUID(turn["turn"])
    assert cluster.rows(state, key) == [("running",)], "a turn outlives its person's sign-out"
    async with await cluster.open("bob", 1) as bob:
        cluster[1].manage("shell", "-c", SET_ACTIVE.format(False))
        try:
            assert await bob.wait_closed() == 4401
            async with asyncio.timeout(60):
                while cluster.rows(state, key) == [("running",)]:
                    await asyncio.sleep(0.05)
            assert cluster.rows(state, key) == [("interrupted",)]
        finally:
            cluster[1].manage("shell", "-c", SET_ACTIVE.format(True))


SET_ACTIVE = """
from accounts.models import User
from accounts.services.people import set_standing
bob = User.objects.get(username="bob")
set_standing(bob, is_active={}, is_staff=False, is_superuser=False)
"""
