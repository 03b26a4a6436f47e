"""Several people in one conversation: their messages in one line, who is there, who writes."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.relay import QUICK_RELAY, RelayScripts
from tests.servers import TramServer
from tests.socket_client import Frame, SocketClient
from tests.sockets.conftest import OpenSocket, SignedIn

SHORT = "Say something short"
ROUNDS = 30


@pytest.fixture(scope="module")
def tram_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """A server where long lines may form."""
    env = {
        "REVALIDATE_SECONDS": "0.3",
        "FRAMES_BURST": "4000",
        "WAITING_LOOK_SECONDS": "0.5",
        "MAX_WAITING_MESSAGES": str(2 * ROUNDS),
        "MAX_WAITING_MESSAGES_PER_PERSON": str(2 * ROUNDS),
    }
    folder = tmp_path_factory.mktemp("company")
    with TramServer(folder, server_template, env, relay_options=QUICK_RELAY) as server:
        yield server


@pytest.fixture
def relay(tram_server: TramServer) -> RelayScripts:
    return RelayScripts(tram_server)


async def begin(client: SocketClient, relay: RelayScripts | None = None) -> Frame:
    """Send a message and see the answer begin; with `relay` it does not end by itself."""
    if relay is not None:
        relay.next_hangs_after("So it begins")
    accepted = await client.chat(SHORT, model="gpt-4.1")
    assert accepted["type"] == "accepted", accepted
    await client.first_text(accepted["turn"])
    return accepted


async def line_up(client: SocketClient, turn: Frame, content: str = SHORT) -> str:
    """Send a message below an answer that is being written; its id once it is in line."""
    id = str(uuid.uuid4())
    place = {"conversation": turn["conversation"], "parent": turn["assistant_message"]}
    await client.send(type="chat", id=id, content=content, **place)
    answer = await client.wait_for(lambda f: f.get("id") == id)
    assert answer["type"] == "queued", answer
    return id


async def line_of(client: SocketClient, turn: Frame, ids: list[str], after: int = 0) -> int:
    """Wait until the client was told of this line; returns how many frames it has read by then."""
    frame = await client.wait_for(
        lambda f: (
            f["type"] == "queue"
            and f["conversation"] == turn["conversation"]
            and [each["id"] for each in f["waiting"]] == ids
        ),
        after=after,
    )
    return client.frames.index(frame, after) + 1


async def test_messages_wait_for_the_answer_and_become_turns_one_after_the_other(
    open_socket: OpenSocket, relay: RelayScripts
) -> None:
    alice, bob = await open_socket("alice"), await open_socket("bob")
    other_tab = await open_socket("bob")
    first = await begin(alice, relay)
    await bob.send(type="attach", conversation=first["conversation"])
    await line_of(bob, first, [])
    bobs = await line_up(bob, first)
    alices = await line_up(alice, first)
    for client in (alice, bob):
        await line_of(client, first, [bobs, alices])
    await alice.send(type="interrupt", turn=first["turn"])
    # In all tabs of the person it is told by its id; the others see the conversation go on.
    for client in (bob, other_tab):
        accepted = await client.answer_to(bobs)
        assert accepted["type"] == "accepted"
    await alice.wait_for(
        lambda f: f["type"] == "conversation" and f.get("turn") == accepted["turn"]
    )
    assert (await bob.done(accepted["turn"]))["state"] == "completed"
    last = await alice.answer_to(alices)
    assert (await alice.done(last["turn"]))["state"] == "completed"
    for client in (alice, bob):
        await line_of(client, first, [], after=await line_of(client, first, [alices]))


async def test_a_message_is_withdrawn_from_another_tab_after_a_reload(
    open_socket: OpenSocket, relay: RelayScripts
) -> None:
    alice, bob = await open_socket("alice"), await open_socket("bob")
    first = await begin(alice, relay)
    id = await line_up(bob, first)
    await bob.close()
    again = await open_socket("bob")
    await again.send(type="attach", conversation=first["conversation"])
    read = await line_of(again, first, [id])
    after = len(alice.frames)
    await alice.send(type="withdraw", id=id)
    refused = await alice.wait_for(lambda f: f["type"] == "error", after=after)
    assert (refused["code"], refused["id"]) == ("not_found", id)
    await again.send(type="withdraw", id=id)
    await line_of(again, first, [], after=read)
    await alice.send(type="interrupt", turn=first["turn"])
    await alice.done(first["turn"])


async def test_two_people_who_send_at_once_many_times_see_the_same_order(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    alice, bob = await open_socket("alice"), await open_socket("bob")
    first = await begin(alice)
    conversation = first["conversation"]
    await bob.send(type="attach", conversation=conversation)
    await line_of(bob, first, [])
    ids: dict[str, SocketClient] = {}
    for number in range(ROUNDS):
        pair = {str(uuid.uuid4()): client for client in (alice, bob)}
        ids |= pair
        await asyncio.gather(
            *(
                client.send(
                    type="chat",
                    id=id,
                    content=f"{number}",
                    conversation=conversation,
                    options={"max_tokens": 16},
                )
                for id, client in pair.items()
            )
        )
        for id, client in pair.items():
            await client.wait_for(lambda f, id=id: f.get("id") == id)  # type: ignore[misc]
    for id, client in ids.items():
        answer = await client.answer_to(id)
        assert answer["type"] == "accepted", answer
    key = uuid.UUID(conversation).hex
    rows = tram_server.rows(
        "select t.id, q.parent_id, t.assistant_message_id, t.client_id from chat_turn t"
        " join chat_message q on q.id = t.user_message_id where t.conversation_id = ?"
        " order by q.number",
        key,
    )
    assert {row[3] for row in rows[1:]} == {uuid.UUID(id).hex for id in ids}
    assert len(rows) == 1 + len(ids), "each message once"
    answers = [row[2] for row in rows]
    assert [row[1] for row in rows] == [None, *answers[:-1]], "one chain without branches"
    for client in (alice, bob):
        seen = [f.get("turn") for f in client.frames if f["type"] in ("accepted", "conversation")]
        heard = [uuid.UUID(turn).hex for turn in dict.fromkeys(seen) if turn is not None]
        assert heard == [row[0] for row in rows if row[0] in heard]
    assert tram_server.rows("select count(*) from chat_waitingmessage") == [(0,)]


async def test_who_is_there_and_who_writes_is_told_to_the_others_alone(
    open_socket: OpenSocket,
) -> None:
    alice, bob, tab = [await open_socket(name) for name in ("alice", "bob", "bob")]
    first = await begin(alice)
    for client in (bob, tab):
        await client.send(type="attach", conversation=first["conversation"])
        await line_of(client, first, [])
    people = [f for f in alice.frames if f["type"] == "presence"][-1]["people"]
    assert len(people) == 2, "each person once, whatever the number of tabs"
    for _ in range(20):
        await bob.send(type="typing", conversation=first["conversation"])
    told = await alice.wait_for(lambda f: f["type"] == "typing")
    assert told["person"]["id"] == people[1]["id"]
    for client in (alice, bob, tab):
        await client.send(type="ping")
        await client.wait_for(lambda f: f["type"] == "pong")
    assert [f["type"] for client in (bob, tab) for f in client.frames].count("typing") == 0
    assert [f["type"] for f in alice.frames].count("typing") == 1, "not one for each key"


async def test_a_person_who_may_only_read_from_now_on_sends_stops_and_waits_no_more(
    open_socket: OpenSocket, tram_server: TramServer, relay: RelayScripts
) -> None:
    alice, bob = await open_socket("alice"), await open_socket("bob")
    first = await begin(alice, relay)
    await bob.send(type="attach", conversation=first["conversation"])
    read = await line_of(bob, first, [])
    id = await line_up(bob, first)
    tram_server.manage("shell", "-c", SET_ROLE.format("VIEWER"))
    try:
        assert (await bob.wait_for(lambda f: f["type"] == "role"))["role"] == "viewer"
        # His text stays for him.
        queue = await bob.wait_for(lambda f: "refused" in str(f.get("waiting")), after=read)
        assert [(w["id"], w["refused"]["code"]) for w in queue["waiting"]] == [(id, "forbidden")]
        refused = await bob.chat("Too late", conversation=first["conversation"])
        assert refused["code"] == "forbidden"
        await bob.send(type="withdraw", id=id)
        for client in (alice, bob):
            await line_of(client, first, [], after=client.frames.index(queue))
        await bob.send(type="interrupt", turn=first["turn"])
        stop = await bob.wait_for(lambda f: f["type"] == "error" and "turn" in f)
        assert stop["code"] == "forbidden"
        assert not [f for f in bob.frames if f["type"] == "accepted" and f["id"] == id]
    finally:
        tram_server.manage("shell", "-c", SET_ROLE.format("MEMBER"))
        await alice.send(type="interrupt", turn=first["turn"])
        assert (await alice.done(first["turn"]))["state"] == "interrupted"


async def test_a_deleted_conversation_stops_drops_and_lets_everybody_go(
    open_socket: OpenSocket,
    signed_in: SignedIn,
    tram_server: TramServer,
    relay: RelayScripts,
) -> None:
    alice, bob = await open_socket("alice"), await open_socket("bob")
    first = await begin(alice, relay)
    await bob.send(type="attach", conversation=first["conversation"])
    await line_of(bob, first, [])
    id = await line_up(bob, first)
    gone = signed_in("alice").delete(f"/api/conversations/{first['conversation']}")
    assert gone.status_code == 204
    for client in (alice, bob):
        await client.wait_for(lambda f: f["type"] == "conversation" and f["change"] == "deleted")
        assert (await client.done(first["turn"]))["state"] == "interrupted"
    after = len(bob.frames)
    await bob.send(type="withdraw", id=id)
    assert (await bob.wait_for(lambda f: f["type"] == "error", after=after))["code"] == "not_found"
    await alice.send(type="typing", conversation=first["conversation"])
    await bob.send(type="ping")
    await bob.wait_for(lambda f: f["type"] == "pong", after=after)
    assert "typing" not in [f["type"] for f in bob.frames[after:]]
    count = "select count(*) from chat_turn where conversation_id = ?"
    assert tram_server.rows(count, uuid.UUID(first["conversation"]).hex) == [(1,)]


SET_ROLE = """
from accounts.models import Team, User
from accounts.roles import Role
from accounts.services import teams
teams.change_role(Team.objects.get(name="Demo"), User.objects.get(username="bob"), Role.{})
"""
