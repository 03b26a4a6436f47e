"""What the socket refuses: each with its named error, nothing charged, the socket alive."""

import json
import uuid

import pytest

from tests.servers import TramServer
from tests.socket_client import SocketClient
from tests.sockets.conftest import OpenSocket

TURNS = "select count(*) from chat_turn"


def frame(**fields: object) -> str:
    return json.dumps({"type": "chat", "id": str(uuid.uuid4()), "content": "hi", **fields})


BAD_FRAMES = {
    "not JSON": ("{", "$"),
    "an array": ("[]", "$"),
    "no type": ('{"id": 1}', "$"),
    "an unknown type": ('{"type": "fly"}', "$.type"),
    "an unknown field": (frame(colour="red"), "$"),
    "a number for a text": (frame(content=3), "$.content"),
    "no UUID": (frame(id="x"), "$.id"),
    "a lone surrogate": (r'{"type": "ping", "x": "\ud800"}', "$"),
    "300 KiB": (frame(content="x" * 300 * 1024), "$"),
    "a deep nest": ('{"type": "ping", "x": ' + "[" * 100_000, "$"),
}


async def still_alive(client: SocketClient) -> None:
    after = len(client.frames)
    await client.send(type="ping")
    await client.wait_for(lambda frame: frame["type"] == "pong", after=after)


async def refusal(client: SocketClient, text: str) -> dict[str, object]:
    after = len(client.frames)
    await client.send_raw(text)
    return await client.wait_for(lambda frame: frame["type"] == "error", after=after)


@pytest.mark.parametrize("what", BAD_FRAMES)
async def test_a_bad_frame_is_named_and_the_socket_lives(
    open_socket: OpenSocket, what: str
) -> None:
    text, path = BAD_FRAMES[what]
    alice = await open_socket("alice")
    error = await refusal(alice, text)
    assert (error["code"], error["detail"]) == ("bad_frame", {"path": path})
    await still_alive(alice)


async def test_a_refused_frame_is_told_by_its_id(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    id = str(uuid.uuid4())
    error = await refusal(alice, frame(id=id, content="x" * 300 * 1024))
    assert error["id"] == id


async def test_five_bad_frames_in_a_row_close_the_socket(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    for _ in range(4):
        await refusal(alice, "{")
    await still_alive(alice)
    for _ in range(5):
        await alice.send_raw("{")
    assert await alice.wait_closed() == 4409


@pytest.mark.parametrize(
    ("content", "said"), [("", "empty"), (" \n ", "empty"), ("x" * 200_001, "200000")]
)
async def test_an_empty_or_too_long_message_is_refused(
    open_socket: OpenSocket, tram_server: TramServer, content: str, said: str
) -> None:
    alice = await open_socket("alice")
    before = tram_server.rows(TURNS)
    error = await alice.chat(content, model="gpt-4.1")
    assert error["code"] == "bad_frame"
    assert error["detail"]["path"] == "$.content"
    assert said in error["message"]
    assert tram_server.rows(TURNS) == before
    await still_alive(alice)


async def test_a_message_of_200_000_characters_is_taken(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("x" * 200_000, model="deepseek-v3.2")
    assert accepted["type"] == "accepted"
    await alice.send(type="interrupt", turn=accepted["turn"])
    await alice.done(accepted["turn"])


async def test_an_unknown_model_names_near_matches(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    error = await alice.chat("hi", model="gpt-4.1x")
    assert error["code"] == "model_unknown"
    assert "gpt-4.1" in error["detail"]["near_matches"]


async def test_a_model_without_a_price_is_not_allowed(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    error = await alice.chat("hi", model="gpt-4o")
    assert error["code"] == "model_not_allowed"


async def test_a_foreign_and_an_absent_conversation_are_told_alike(
    open_socket: OpenSocket,
) -> None:
    alice, charlie = await open_socket("alice"), await open_socket("charlie")
    mine = await alice.chat("Write something long", model="gpt-4.1")
    answers = []
    for conversation in (mine["conversation"], str(uuid.uuid4())):
        error = await charlie.chat("hi", model="gpt-4.1", conversation=conversation)
        after = len(charlie.frames)
        await charlie.send(type="attach", conversation=conversation)
        attach = await charlie.wait_for(lambda f: f["type"] == "error", after=after)
        answers.append((error["code"], error["message"], attach["code"], attach["message"]))
    for turn in (mine["turn"], str(uuid.uuid4())):
        after = len(charlie.frames)
        await charlie.send(type="interrupt", turn=turn)
        error = await charlie.wait_for(lambda f: f["type"] == "error", after=after)
        answers.append((error["code"], error["message"]) * 2)
    assert len(set(answers)) == 1
    assert answers[0][0] == "not_found"
    assert "done" not in {f["type"] for f in alice.frames}
    await alice.send(type="interrupt", turn=mine["turn"])
    await alice.done(mine["turn"])


async def test_a_viewer_may_watch_but_not_send_or_stop(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    tram_server.manage("shell", "-c", MAKE_DANA)
    alice, dana = await open_socket("alice"), await open_socket("dana")
    mine = await alice.chat("Write something long", model="gpt-4.1")
    await dana.send(type="attach", conversation=mine["conversation"])
    await dana.first_text(mine["turn"])
    error = await dana.chat("hi", model="gpt-4.1", conversation=mine["conversation"])
    assert error["code"] == "forbidden"
    after = len(dana.frames)
    await dana.send(type="interrupt", turn=mine["turn"])
    refused = await dana.wait_for(lambda f: f["type"] == "error", after=after)
    assert refused["code"] == "forbidden"
    await alice.send(type="interrupt", turn=mine["turn"])
    await alice.done(mine["turn"])


async def test_a_budget_too_small_says_what_is_left_and_what_was_needed(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    before = tram_server.rows(TURNS)
    # 100,000 bytes at 100 dollars per million tokens may cost 10 dollars; 5 were granted.
    tram_server.manage("setprice", "gemini-1.5-pro", "--input", "100", "--output", "100")
    error = await alice.chat("x" * 100_000, model="gemini-1.5-pro")
    assert error["code"] == "budget_exhausted"
    assert error["detail"]["remaining_nano_usd"] <= 5 * 10**9
    assert error["detail"]["needed_nano_usd"] > 10 * 10**9
    assert "USD" in error["message"]
    assert tram_server.rows(TURNS) == before
    await still_alive(alice)


async def test_the_same_id_with_another_text_is_refused(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    id = str(uuid.uuid4())
    accepted = await alice.chat("Say something short", model="gpt-4.1", id=id)
    error = await alice.chat("Something else", model="gpt-4.1", id=id)
    assert error["code"] == "idempotency_mismatch"
    await alice.done(accepted["turn"])


async def test_a_second_message_waits_for_the_answer_above_it(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    first = await alice.chat("Write something long", model="gpt-4.1")
    id = str(uuid.uuid4())
    asked = {"content": "And?", "model": "gpt-4.1", "conversation": first["conversation"]}
    await alice.send(type="chat", id=id, **asked)
    waiting = await alice.wait_for(lambda frame: frame["type"] == "queued")
    assert (waiting["id"], waiting["position"]) == (id, 1)
    await alice.send(type="interrupt", turn=first["turn"])
    await alice.done(first["turn"])
    second = await alice.wait_for(lambda frame: frame["type"] == "accepted" and frame["id"] == id)
    assert (await alice.done(second["turn"]))["state"] == "completed"


MAKE_DANA = """
from accounts.models import Team
from accounts.roles import Role
from accounts.services import people, teams
dana = people.create_person("dana", "demo", email="dana@example.com")
teams.add_member(Team.objects.get(name="Demo"), dana, Role.VIEWER)
"""
