"""A request that is repeated with its Idempotency-Key is answered once and paid once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.openai.program import PATH, Program, error_of, let_relay, make_key, question
from tests.servers import TramServer


@pytest.fixture
def again() -> dict[str, str]:
    """A new Idempotency-Key."""
    return {"Idempotency-Key": str(uuid4())}


@pytest.fixture(scope="module")
def bob(tram_server: TramServer) -> Iterator[Program]:
    """Another person's program."""
    with Program(tram_server, make_key(tram_server, "bob")) as made:
        yield made


def turns(server: TramServer) -> int:
    """How many turns there are."""
    return int(server.rows("SELECT count(*) FROM chat_turn")[0][0])


def spent(program: Program) -> int:
    """What the key has spent, in nano-USD."""
    return int(program.http.get("/v1/usage").json()["key"]["spent_nano_usd"])


def text_of(streamed: str) -> str:
    """The text of a stream that was read whole."""
    lines = [line.removeprefix("data: ") for line in streamed.splitlines() if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def test_the_same_request_again_gives_the_same_answer(
    program: Program, again: dict[str, str]
) -> None:
    first = program.post(question(), again)
    paid = spent(program)
    second = program.post(question(), again)
    assert first.status_code == second.status_code == 200
    assert second.json() == first.json()
    assert second.headers["x-request-id"] == first.headers["x-request-id"]
    assert spent(program) == paid


def test_a_stream_again_gives_the_same_text(program: Program, again: dict[str, str]) -> None:
    body = question(stream=True)
    first, second = (program.post(body, again) for _ in range(2))
    assert text_of(second.text) == text_of(first.text) != ""
    assert second.headers["content-type"] == first.headers["content-type"]


def test_another_body_with_the_same_key_is_refused(program: Program, again: dict[str, str]) -> None:
    program.post(question(), again)
    answer = program.post(question("Say something else"), again)
    assert answer.status_code == 422
    assert error_of(answer)["code"] == "idempotency_mismatch"


def test_the_same_word_of_another_key_is_another_request(
    program: Program, bob: Program, again: dict[str, str], tram_server: TramServer
) -> None:
    with Program(tram_server, make_key(tram_server, "alice")) as other:
        ids = {each.post(question(), again).json()["id"] for each in (program, bob, other)}
    assert len(ids) == 3


def test_without_a_key_each_request_is_its_own(program: Program) -> None:
    assert program.ask().json()["id"] != program.ask().json()["id"]


@pytest.mark.parametrize("stream", [False, True])
def test_two_at_once_are_one_turn(
    program: Program, tram_server: TramServer, again: dict[str, str], stream: bool
) -> None:
    let_relay(tram_server, {"act": "bench", "tokens": 20, "tokens_per_second": 40})
    before = turns(tram_server)
    with ThreadPoolExecutor(6) as pool:
        body = question(stream=stream)
        answers = list(pool.map(lambda _: program.post(body, again), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["x-request-id"] for answer in answers}) == 1
    read = [text_of(a.text) if stream else a.json()["choices"][0]["message"] for a in answers]
    assert all(each == read[0] for each in read)
    assert turns(tram_server) == before + 1


def test_a_failure_is_told_again_and_not_tried_again(
    program: Program, tram_server: TramServer, again: dict[str, str]
) -> None:
    body: dict[str, Any] = question(model="fault-reset")
    first, second = (program.post(body, again) for _ in range(2))
    assert first.status_code == second.status_code == 502
    assert error_of(second)["detail"] == error_of(first)["detail"]


def test_who_was_refused_may_ask_again_with_the_same_key(
    program: Program, again: dict[str, str]
) -> None:
    assert program.http.post(PATH, json={"model": "?"}, headers=again).status_code == 400
    assert program.post(question(), again).status_code == 200
