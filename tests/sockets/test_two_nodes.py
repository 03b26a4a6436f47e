"""Two processes on PostgreSQL: an answer of the one seen, resumed and stopped at the other; people
at both with one line, one presence, and rights within a moment. One file, as they share servers."""

import asyncio
import uuid
from contextlib import closing
from hashlib import sha256

import pytest

from tests.cluster import Cluster
from tests.faults.nodes.play import LONG, SHORT, until
from tests.faults.nodes.reader import Reader
from tests.socket_client import Frame, SocketClient
from tests.sockets.conftest import At

pytestmark = pytest.mark.services

HANGS = [{"act": "hang"}]
ROUNDS = 5
with_redis = pytest.mark.parametrize("site", [True], indirect=True, ids=["with Redis"])


def chunks(reader: Reader, turn: str) -> list[tuple[int, str]]:
    frames = [f for f in reader.frames if f["type"] == "chunk" and f["turn"] == turn]
    return [(frame["seq"], frame["content"]) for frame in frames]


async def test_who_watches_at_another_node_sees_the_same(site: Cluster, at: At) -> None:
    near, far = await at(0), await at(1)
    first = await near.ask(SHORT)
    await near.finish(first["turn"])
    await far.client.send(type="attach", conversation=first["conversation"])
    await far.client.wait_for(lambda frame: frame["type"] == "attached")
    # The next turn begins while both watch.
    second = await near.ask(LONG, conversation=first["conversation"])
    change = await far.client.wait_for(
        lambda frame: frame["type"] == "conversation" and frame.get("turn") == second["turn"]
    )
    assert change["assistant_message"] == second["assistant_message"]
    far.expects(second)
    ends = [await near.finish(second["turn"]), await far.finish(second["turn"])]
    assert ends[0]["sha256"] == ends[1]["sha256"]
    assert far.turns[second["turn"]].content == near.turns[second["turn"]].content
    # The last ones may come as the whole text, where the journal was pruned before they were read.
    seen = chunks(far, second["turn"])
    assert seen == chunks(near, second["turn"])[: len(seen)]


async def test_who_moves_to_another_node_misses_nothing_and_sees_nothing_twice(
    site: Cluster,
    at: At,
) -> None:
    reader = await at(0)
    accepted = await reader.ask(LONG)
    turn = accepted["turn"]
    for node in (1, 0, 1):
        await reader.holds(turn, len(reader.turns[turn].content) + 200)
        await reader.drop()
        await reader.connect(node)
        attached = await reader.client.wait_for(
            lambda frame: frame["type"] == "attached",
            after=len(reader.frames) - 1,
        )
        assert turn in attached["turns"] or reader.turns[turn].done
    done = await reader.finish(turn)
    # The reader has seen to it that each chunk followed what it held. What a slow journal made a
    # node say again, after an older snapshot, it held already, and nothing of it was shown.
    stored = "select content from chat_message where id = %s"
    assert site.rows(stored, accepted["assistant_message"]) == [(reader.turns[turn].content,)]
    assert sha256(reader.turns[turn].content.encode()).hexdigest() == done["sha256"]


async def test_a_stranger_sees_nothing_and_stops_nothing_at_another_node(
    site: Cluster, at: At
) -> None:
    alice, charlie = await at(0), await at(1, "charlie")
    accepted = await alice.ask(LONG)
    for command in (
        {"type": "attach", "conversation": accepted["conversation"], "turn": accepted["turn"]},
        {"type": "interrupt", "turn": accepted["turn"]},
    ):
        before = len(charlie.frames)
        await charlie.client.send(**command)
        refusal = await charlie.client.wait_for(lambda f: f["type"] == "error", after=before)
        assert refusal["code"] == "not_found"
    assert (await alice.finish(accepted["turn"]))["state"] == "completed"
    assert not [frame for frame in charlie.frames if frame.get("turn") and frame["type"] != "error"]


async def test_a_turn_is_stopped_elsewhere_before_its_first_word(site: Cluster, at: At) -> None:
    site.relay.queue(HANGS)
    near = await at(0)
    accepted = await near.ask(SHORT)
    await until(lambda: site.relay.streams() == 1)
    # After a reload, at another node, which has never heard of the turn.
    far = await at(1)
    await far.client.send(type="interrupt", turn=accepted["turn"])
    done = await near.finish(accepted["turn"])
    assert (done["state"], near.turns[accepted["turn"]].content) == ("interrupted", "")
    await until(lambda: site.relay.streams() == 0)


async def test_one_send_at_both_nodes_is_one_turn_that_both_see(site: Cluster, at: At) -> None:
    near, far = await at(0), await at(1)
    for _ in range(3):
        id = str(uuid.uuid4())
        first, second = await asyncio.gather(near.ask(SHORT, id=id), far.ask(SHORT, id=id))
        assert first["turn"] == second["turn"]
        ends = [await near.finish(first["turn"]), await far.finish(first["turn"])]
        assert ends[0]["sha256"] == ends[1]["sha256"]
        assert near.turns[first["turn"]].content == far.turns[first["turn"]].content


async def test_a_conversation_deleted_elsewhere_stops_its_turn(site: Cluster, at: At) -> None:
    reader = await at(0)
    accepted = await reader.ask(LONG)
    await reader.holds(accepted["turn"], 50)
    with site.page("alice", 1) as page:
        answer = page.delete(f"/api/conversations/{accepted['conversation']}")
        assert answer.status_code == 204, answer.text
    turn = accepted["turn"]
    state = "select state from chat_turn where id = %s"
    await until(lambda: site.rows(state, turn) == [("interrupted",)])
    await until(lambda: site.relay.streams() == 0)


async def watch(client: SocketClient, turn: Frame) -> None:
    """Watch a conversation, up to its line."""
    conversation = turn["conversation"]
    await client.send(type="attach", conversation=conversation)
    await client.wait_for(lambda f: f["type"] == "queue" and f["conversation"] == conversation)


async def send_at_once(turn: Frame, *clients: SocketClient) -> dict[str, SocketClient]:
    """Let everybody send a message at the same moment; who sent which, once all are answered."""
    ids = {str(uuid.uuid4()): client for client in clients}
    place = {"conversation": turn["conversation"], "options": {"max_tokens": 8}}
    sends = [client.send(type="chat", id=id, content=id, **place) for id, client in ids.items()]
    await asyncio.gather(*sends)
    for id, client in ids.items():
        await client.wait_for(lambda f, id=id: f.get("id") == id)  # type: ignore[misc]
    return ids


@with_redis
async def test_two_people_at_two_nodes_write_in_one_order(site: Cluster) -> None:
    async with await site.open("alice", 0) as alice, await site.open("bob", 1) as bob:
        first = await alice.chat(SHORT, model="gpt-4.1")
        await watch(bob, first)
        for client in (alice, bob):
            await client.wait_for(lambda f: f["type"] == "presence" and len(f["people"]) == 2)
        await bob.send(type="typing", conversation=first["conversation"])
        told = await alice.wait_for(lambda f: f["type"] == "typing")
        assert told["person"]["name"].lower() == "bob"
        ids: dict[str, SocketClient] = {}
        for _ in range(ROUNDS):
            ids |= await send_at_once(first, alice, bob)
        for id, client in ids.items():
            answer = await client.answer_to(id)
            assert answer["type"] == "accepted", answer
    rows = site.rows(
        "select q.parent_id, t.assistant_message_id, t.client_id from chat_turn t"
        " join chat_message q on q.id = t.user_message_id where t.conversation_id = %s"
        " order by q.number",
        uuid.UUID(first["conversation"]),
    )
    assert sorted(str(row[2]) for row in rows[1:]) == sorted(ids), "each message once"
    assert [row[0] for row in rows[1:]] == [row[1] for row in rows[:-1]], "one chain"
    assert site.rows("select count(*) from chat_waitingmessage") == [(0,)]


@with_redis
async def test_rights_lost_at_one_node_are_lost_at_the_other(site: Cluster) -> None:
    site.relay.queue(HANGS)
    async with await site.open("alice", 0) as alice:
        first = await alice.chat(SHORT, model="gpt-4.1")
        with closing(site[1].sign_in("bob")) as signed_in:
            headers = site[0].socket_headers(signed_in)
            async with await SocketClient.open(site[0].ws_url, headers) as bob:
                signed_in.post("/accounts/logout/")
                assert await bob.wait_closed() == 4401
        async with await site.open("bob", 1) as bob:
            await watch(bob, first)
            (id,) = await send_at_once(first, bob)
            site.relay.queue(HANGS)
            his = await bob.chat(SHORT, model="gpt-4.1")
            await alice.wait_for(lambda f: f["type"] == "queue" and f["waiting"])
            site.manage("shell", "-c", AS_BOB + "teams.change_role(team, bob, Role.VIEWER)")
            try:
                assert (await bob.wait_for(lambda f: f["type"] == "role"))["role"] == "viewer"
                line = await bob.wait_for(lambda f: "refused" in str(f.get("waiting")))
                assert [each["id"] for each in line["waiting"]] == [id]
                await bob.send(type="interrupt", turn=first["turn"])
                refused = await bob.wait_for(lambda f: f["type"] == "error")
                assert (refused["code"], refused["turn"]) == ("forbidden", first["turn"])
                with site.page("alice", 0) as page:
                    page.delete(f"/api/conversations/{first['conversation']}")
                await bob.wait_for(lambda f: f.get("change") == "deleted")
                assert (await alice.done(first["turn"]))["state"] == "interrupted"
                assert site.rows("select count(*) from chat_waitingmessage") == [(0,)]
                site.manage("shell", "-c", AS_BOB + "stand(False)")
                assert await bob.wait_closed() == 4401
                stopped = "select state from chat_turn where id = %s"
                await until(lambda: site.rows(stopped, his["turn"]) == [("interrupted",)])
            finally:
                again = "stand(True)\nteams.change_role(team, bob, Role.MEMBER)"
                site.manage("shell", "-c", AS_BOB + again)
                site.forget("bob")


AS_BOB = """
from accounts.models import Team, User
from accounts.roles import Role
from accounts.services import teams
from accounts.services.people import set_standing
team, bob = Team.objects.get(name="Demo"), User.objects.get(username="bob")
def stand(active):
    set_standing(bob, is_active=active, is_staff=False, is_superuser=False)
"""
