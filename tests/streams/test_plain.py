"""The simple form: a message or a history in, tokens out."""

import json
from uuid import UUID, uuid4

import httpx
import pytest

from tests.openai.waiting import eventually
from tests.servers import TramServer
from tests.streams.conftest import At
from tests.streams.reading import LONG, PATH, Caller


def text_of(data: list[str]) -> str:
    assert data[-1] == "[DONE]", data[-3:]
    return "".join(json.loads(each)["token"] for each in data[:-1])


def test_a_message_becomes_a_turn_in_a_conversation_that_everybody_in_the_team_sees(
    caller: At,
) -> None:
    alice = caller("alice")
    answer, data = alice.plain(message="Say something short")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    conversation = answer.headers["x-tram-conversation"]
    UUID(answer.headers["x-tram-turn"])
    path = f"/api/conversations/{conversation}/messages"
    question, stored = caller("bob").client.get(path).json()["items"]
    assert question["content"] == "Say something short"
    assert stored["content"] == text_of(data)
    assert stored["id"] == answer.headers["x-tram-message"]

    again, _ = alice.plain(message="And again", conversation=conversation, model="gpt-4.1")
    assert again.headers["x-tram-conversation"] == conversation
    assert len(alice.client.get(path).json()["items"]) == 4


def test_a_history_is_the_whole_prompt_and_shows_in_no_list(
    caller: At, tram_server: TramServer
) -> None:
    history = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "Zwickau, then?"},
    ]
    answer, data = caller("alice").plain(messages=history)
    assert text_of(data)
    assert "x-tram-conversation" not in answer.headers
    turn = UUID(answer.headers["x-tram-turn"])
    stored = tram_server.rows("SELECT state FROM chat_turn WHERE id = ?", turn.hex)
    assert stored == [("completed",)]
    listed = caller("alice").client.get("/api/conversations", params={"query": "Zwickau"}).json()
    assert listed["items"] == []


def test_a_program_asks_with_its_key_alone(tram_server: TramServer, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=tram_server.url, headers=headers, timeout=30) as client:
        answer, data = Caller(client).plain(message="Say something short")
    assert answer.status_code == 200
    assert text_of(data)


def test_the_same_id_is_the_same_turn(caller: At) -> None:
    body = {"message": "Once only", "id": str(uuid4())}
    first, said = caller("alice").plain(**body)
    second, again = caller("alice").plain(**body)
    assert first.headers["x-tram-turn"] == second.headers["x-tram-turn"]
    assert text_of(said) == text_of(again)
    other, refusal = caller("alice").plain(**body | {"message": "Another"})
    assert (other.status_code, json.loads(refusal[0])["error"]["code"]) == (
        409,
        "idempotency_mismatch",
    )


@pytest.mark.parametrize(("query", "state"), [("", "completed"), ("?detach=stop", "interrupted")])
def test_who_goes_leaves_the_answer_running_unless_it_shall_stop(
    caller: At, tram_server: TramServer, query: str, state: str
) -> None:
    body = {"message": LONG}
    with caller("alice").client.stream("POST", PATH + query, json=body) as answer:
        turn = UUID(answer.headers["x-tram-turn"]).hex
        next(answer.iter_lines())
    ended = "SELECT state FROM chat_turn WHERE id = ? AND state != 'running'"
    eventually(lambda: bool(tram_server.rows(ended, turn)), seconds=30)
    assert tram_server.rows(ended, turn) == [(state,)]


def test_what_is_refused_before_the_first_token_has_its_status(
    caller: At, tram_server: TramServer
) -> None:
    def refused(**body: object) -> tuple[int, str]:
        answer, data = caller("bob").plain(**body)
        return answer.status_code, json.loads("".join(data))["error"]["code"]

    assert refused() == (400, "bad_frame")
    assert refused(message="Hi", messages=[{"role": "user", "content": "Hi"}]) == (400, "bad_frame")
    assert refused(message=" ") == (400, "bad_frame")
    assert refused(message="Hi", model="nothing-of-the-kind") == (400, "model_unknown")
    assert refused(message="Hi", conversation=str(uuid4())) == (404, "not_found")
    alices, _ = caller("alice").plain(message="Private to the team")
    foreign = {"message": "Hi", "conversation": alices.headers["x-tram-conversation"]}
    answer, data = caller("charlie").plain(**foreign)
    assert (answer.status_code, json.loads(data[0])["error"]["code"]) == (404, "not_found")
    assert refused(message="[fault: unauthorized]") == (502, "relay_auth")
    with httpx.Client(base_url=tram_server.url, timeout=30) as nobody:
        answer, data = Caller(nobody).plain(message="Hi")
        assert (answer.status_code, json.loads(data[0])["error"]["code"]) == (401, "not_signed_in")
        assert nobody.get(PATH).status_code == 405


def test_what_fails_in_the_middle_is_told_in_the_stream(caller: At) -> None:
    answer, data = caller("alice").plain(message="[fault: truncated]")
    assert answer.status_code == 200
    assert "token" in json.loads(data[0])
    assert json.loads(data[-1])["error"]["code"] == "relay_truncated"


def test_a_session_needs_the_token_of_the_page_and_its_origin(
    caller: At, tram_server: TramServer
) -> None:
    client = caller("alice").client
    body = {"message": "Hi"}
    for headers in (
        {"X-CSRFToken": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
    ):
        answer = client.post(PATH, json=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed"), headers
