"""Answers that end from outside: a key is revoked, the server drains, the relay is silent."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.openai.program import MODEL, PATH, Program, error_of, let_relay, make_key, question
from tests.openai.waiting import eventually
from tests.servers import TramServer

LONG = {"act": "bench", "tokens": 100_000, "tokens_per_second": 50}


class Reader(threading.Thread):
    """Reads a stream in a thread of its own, and notes when it ended."""

    def __init__(self, program: Program, body: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._program, self._body = program, body
        self.lines: list[str] = []
        self.ended_at = 0.0
        self.start()

    def run(self) -> None:
        with self._program.http.stream("POST", PATH, json=self._body) as answer:
            for line in answer.iter_lines():
                self.lines.append(line)
        self.ended_at = time.monotonic()

    @property
    def data(self) -> list[str]:
        return [line.removeprefix("data: ") for line in self.lines if line.startswith("data: ")]

    def error(self) -> dict[str, Any]:
        """The error that the stream ended with."""
        self.join(20)
        assert self.ended_at
        error: dict[str, Any] = json.loads(self.data[-1])["error"]
        return error


@pytest.fixture
def doomed(tram_server: TramServer) -> Iterator[Program]:
    """A program whose key is to be revoked."""
    with Program(tram_server, make_key(tram_server, "alice")) as made:
        yield made


def revoke_newest(server: TramServer) -> None:
    """Revoke the newest key on its page, as Alice."""
    ((id,),) = server.rows("SELECT max(id) FROM accounts_apikey")
    with closing(server.sign_in("alice")) as alice:
        token = alice.headers["X-CSRFToken"]
        path = f"/keys/{id}/revoke/"
        answer = alice.post(path, data={"csrfmiddlewaretoken": token})
        assert answer.status_code in (200, 302), answer.text[-500:]


def test_a_revoked_key_ends_its_open_streams_at_once(
    tram_server: TramServer, doomed: Program
) -> None:
    let_relay(tram_server, LONG)
    reader = Reader(doomed, question(stream=True))
    eventually(lambda: len(reader.data) > 3)
    revoke_newest(tram_server)
    revoked_at = time.monotonic()
    error = reader.error()
    assert reader.ended_at - revoked_at < 1.0
    assert error["code"] == "invalid_api_key"
    assert "revoked" in error["message"]
    assert error["detail"]["cost_nano_usd"] > 0
    assert doomed.ask().status_code == 401


@pytest.mark.slow
def test_a_silence_is_bridged_with_comments(program: Program, tram_server: TramServer) -> None:
    let_relay(tram_server, {"act": "wait", "seconds": 11.0}, {"act": "say", "tokens": 3})
    streamed = program.stream(model=MODEL)
    assert streamed.lines[0] == ": waiting"
    assert streamed.is_whole


def test_a_drain_refuses_what_comes_and_ends_what_does_not_end(
    tram_server: TramServer, program: Program
) -> None:
    # The last one: it ends the server.
    let_relay(tram_server, LONG)
    reader = Reader(program, question(stream=True, max_tokens=100_000))
    eventually(lambda: len(reader.data) > 3)
    refusals: list[httpx.Response] = []
    ending = threading.Thread(target=tram_server.terminate)
    ending.start()
    while not refusals:
        answer = program.ask()
        if answer.status_code == 503:
            refusals.append(answer)
    error = reader.error()
    ending.join(30)
    assert error_of(refusals[0])["code"] == "restarting"
    assert int(refusals[0].headers["retry-after"]) >= 1
    assert error["code"] == "restarting"
    assert error["detail"]["cost_nano_usd"] > 0
    states = tram_server.rows("SELECT DISTINCT state FROM chat_turn")
    assert ("running",) not in states
    assert "Task was destroyed" not in tram_server.log
    assert "Traceback" not in tram_server.log
