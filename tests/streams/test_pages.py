"""What a page gets whose socket is blocked: the socket's own frames, nothing lost or doubled."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from uuid import uuid4

import httpx
import pytest

from tests.servers import TramServer
from tests.socket_client import SeenTurn
from tests.streams.conftest import At
from tests.streams.reading import FRAMES, LONG, PATH, STREAMING, Caller, attach, chat


def test_a_page_sends_and_reads_its_answer_in_the_frames_of_the_socket(caller: At) -> None:
    alice = caller("alice")
    with alice.stream(chat("Say something short")) as frames:
        assert frames.answer.headers["content-type"].startswith("text/event-stream")
        assert frames.answer.headers["x-accel-buffering"] == "no"
        assert frames.type("ready")["user"]["name"]
        accepted = frames.type("accepted")
        done = frames.type("done")
    assert done["state"] == "completed"
    path = f"/api/conversations/{accepted['conversation']}/messages"
    stored = alice.client.get(path).json()["items"][-1]["content"]
    assert frames.turns[accepted["turn"]].content == stored


def test_a_stream_that_broke_is_taken_up_where_it_was_read(caller: At) -> None:
    alice = caller("alice")
    with alice.stream(chat(LONG)) as first:
        accepted = first.type("accepted")
        turn = accepted["turn"]
        first.text_of(turn, 40)
    held = first.turns[turn]
    place = attach(accepted["conversation"], turn=turn, epoch=held.epoch, after=held.seq)
    with alice.stream(watch=(place,)) as second:
        second.turns[turn] = SeenTurn(held.epoch, held.seq, held.content)
        assert second.type("ready", "attached", "snapshot", "chunk")["type"] == "ready"
        # Checks each number and place: what was read is not sent again, and nothing is missing.
        assert second.type("chunk", "snapshot")["type"] == "chunk"
        second.text_of(turn, len(held.content) + 40)
        assert alice.tell(type="interrupt", turn=turn).json() == {"events": []}
        assert second.type("done")["state"] == "interrupted"
    with alice.stream(watch=(place,)) as third:
        third.turns[turn] = SeenTurn(held.epoch, held.seq, held.content)
        assert third.type("done")["state"] == "interrupted"
        assert "attached" not in {frame["type"] for frame in third.seen}


def test_commands_without_a_stream_are_answered_at_once(caller: At) -> None:
    alice, bob = caller("alice"), caller("bob")
    assert alice.tell(type="ping").json() == {"events": [{"type": "pong"}]}
    message = chat("Say something short")
    sent = alice.client.post(PATH, params=FRAMES, json=message).json()["events"][0]
    assert (sent["type"], sent["id"]) == ("accepted", message["id"])
    again = alice.client.post(PATH, params=FRAMES, json=message).json()["events"][0]
    assert again["turn"] == sent["turn"]
    with bob.stream(attach(sent["conversation"])) as frames:
        frames.type("attached")
        assert alice.tell(type="typing", conversation=sent["conversation"]).status_code == 200
        assert frames.type("typing")["conversation"] == sent["conversation"]
        # Somebody else's message, sent wherever: its answer follows by itself.
        more = chat("And more", conversation=sent["conversation"])
        begun = alice.client.post(PATH, params=FRAMES, json=more).json()["events"][0]
        # It may wait for the first answer.
        assert begun["type"] in ("accepted", "queued")
        frames.until(lambda frame: frame.get("change") == "message")
        assert frames.type("done")["state"] == "completed"

    charlie = caller("charlie")
    for command in (
        {"type": "interrupt", "turn": sent["turn"]},
        {"type": "typing", "conversation": sent["conversation"]},
        {"type": "withdraw", "id": str(uuid4())},
        chat("Hi", conversation=sent["conversation"]),
    ):
        refused = charlie.tell(**command)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    with charlie.stream(
        attach(sent["conversation"]), watch=(attach(sent["conversation"]),)
    ) as foreign:
        assert foreign.type("attached", "error")["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", "$"),
        (b"no json", "$"),
        (b'{"type": "sing"}', "$.type"),
        (b'{"commands": [{"type": "ping"}, {"type": "interrupt"}]}', "$.commands[1]"),
        (b'{"watch": [{"type": "ping"}]}', "$.watch[0].type"),
        (b'{"type": "attach", "conversation": "x"}', "$.conversation"),
    ],
)
def test_what_is_no_command_is_refused_with_its_path(caller: At, body: bytes, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = caller("bob").client.post(PATH, params=FRAMES, content=body, headers=headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["detail"]["path"]) == ("bad_frame", path)


def test_one_person_has_so_many_streams_and_sockets_together_at_most(caller: At) -> None:
    bob = caller("bob")
    with ExitStack() as stack:
        opened = [stack.enter_context(bob.stream()) for _ in range(3)]
        for frames in opened:
            frames.type("ready")
        refused = bob.client.post(PATH, params=FRAMES, json={}, headers=STREAMING)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0


def test_a_session_that_ends_ends_its_streams(tram_server: TramServer) -> None:
    with closing(tram_server.sign_in("bob")) as client, Caller(client).stream() as frames:
        frames.type("ready")
        token = {"csrfmiddlewaretoken": client.headers["X-CSRFToken"]}
        assert client.post("/accounts/logout/", data=token).status_code == 302
        assert frames.closed() == 4401


def test_many_requests_at_once_are_too_many(caller: At) -> None:
    charlie = caller("charlie")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: charlie.tell(type="ping").status_code, range(120)))
    assert set(answers) == {200, 429}


def test_a_server_that_drains_sends_its_pages_elsewhere(
    caller: At, tram_server: TramServer
) -> None:
    """The last of the module: the server restarts."""
    alice = caller("alice")
    with alice.stream() as frames:
        frames.type("ready")
        tram_server.signal(signal.SIGTERM)
        assert frames.closed() == 4012
    assert tram_server.terminate() == 0
    tram_server.start()
    with httpx.Client(base_url=tram_server.url) as client:
        assert client.get("/ready").status_code == 200
