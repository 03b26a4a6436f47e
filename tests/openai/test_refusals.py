"""What is refused, each with its status, its code and the place of the fault, in OpenAI's shape."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.openai.program import MODEL, PATH, Program, error_of, make_key, question
from tests.servers import TramServer

HELLO = [{"role": "user", "content": "Hello"}]
MALFORMED: dict[str, tuple[Any, int, str, str | None]] = {
    "not JSON": (b"{nothing", 400, "invalid_request", "$"),
    "not an object": (b"[]", 400, "invalid_request", "$"),
    "not UTF-8": (b'{"model": "\xff"}', 400, "invalid_request", "$"),
    "empty": (b"", 400, "invalid_request", "$"),
    "no model": ({"messages": HELLO}, 400, "invalid_request", "$"),
    "no messages": ({"model": MODEL, "messages": []}, 400, "invalid_request", "$.messages"),
    "a role that is none": (
        {"model": MODEL, "messages": [*HELLO, {"role": "boss", "content": "x"}]},
        400,
        "invalid_request",
        "$.messages[1].role",
    ),
    "too hot": (question(temperature=9), 400, "invalid_request", "$.temperature"),
    "an unknown parameter": (question(temprature=1), 400, "unknown_parameter", "temprature"),
    "a known one not offered": (question(audio={}), 400, "unsupported_value", "audio"),
    "two answers": (question(n=2), 400, "unsupported_value", "n"),
    "an unknown model": (question(model="gpt-4.11"), 404, "model_not_found", "model"),
    "a model without a price": (question(model="gpt-4o"), 403, "model_not_allowed", "model"),
    "dearer than the budget": (
        question(),
        402,
        "insufficient_quota",
        None,
    ),
}


def send(program: Program, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return program.http.post(
        PATH, content=content, headers={"Content-Type": "application/json"} | headers
    )


@pytest.fixture(scope="module")
def poor(tram_server: TramServer) -> Iterator[Program]:
    """A key of Alice's with next to no budget."""
    with Program(tram_server, make_key(tram_server, "alice", "--budget", "0.000001")) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_answered_is_refused_with_its_place(
    poor: Program, name: str, stream: bool
) -> None:
    body, status, code, param = MALFORMED[name]
    if isinstance(body, dict):
        body = body | {"stream": stream}
    before = poor.server.rows("SELECT count(*) FROM chat_turn")
    answer = send(poor, body)
    assert answer.status_code == status, answer.text
    error = error_of(answer)
    assert error["code"] == code
    assert error["param"] == param
    assert len(error["message"]) > 10
    assert answer.headers["x-request-id"].startswith("req_")
    assert poor.server.rows("SELECT count(*) FROM chat_turn") == before


def test_near_names_of_an_unknown_model_are_told(program: Program) -> None:
    error = error_of(program.ask(model="gemini-2.5-flush"))
    assert "gemini-2.5-flash" in error["message"]


def test_a_key_learns_of_no_model_beyond_its_list(tram_server: TramServer) -> None:
    with Program(tram_server, make_key(tram_server, "alice", "--models", MODEL)) as narrow:
        error = error_of(narrow.ask(model="gemini-2.5-flush"))
        assert "gemini-2.5-flash" not in json.dumps(error)
        answer = narrow.ask(model="gemini-2.5-flash")
        assert answer.status_code == 403
        assert error_of(answer)["code"] == "model_not_allowed"
        assert narrow.ask().status_code == 200


def test_whoever_proves_nothing_is_refused_in_one_way(tram_server: TramServer, key: str) -> None:
    revoked, expired, gone = (make_key(tram_server, "alice") for _ in range(3))
    tram_server.manage(
        "shell",
        "-c",
        "from accounts.models import APIKey, Membership\n"
        "from django.utils import timezone\n"
        f"APIKey.objects.filter(prefix='{revoked[5:15]}').update(revoked_at=timezone.now())\n"
        f"APIKey.objects.filter(prefix='{expired[5:15]}').update(expires_at=timezone.now())\n"
        f"key = APIKey.objects.get(prefix='{gone[5:15]}')\n"
        "from accounts.models import Team\n"
        "key.team = Team.objects.exclude(memberships__user=key.user).first()\n"
        "key.save()\n",
    )
    unknown = key[:-64] + 64 * "0"
    claims = {
        "none": None,
        "empty": "",
        "another scheme": f"Basic {key}",
        "not a key": "Bearer sk-something",
        "unknown": f"Bearer {unknown}",
        "an unknown prefix": f"Bearer tram_{10 * '0'}_{64 * '0'}",
        "revoked": f"Bearer {revoked}",
        "expired": f"Bearer {expired}",
        "of a team that was left": f"Bearer {gone}",
        "letters of no alphabet": "Bearer \u00e9\u00e9",
    }
    told = set()
    for claim in claims.values():
        headers = (
            {} if claim is None else {"Authorization": claim.encode("latin-1").decode("latin-1")}
        )
        answer = httpx.post(
            tram_server.url + PATH,
            json=question(),
            headers={name.encode(): value.encode("latin-1") for name, value in headers.items()},
            trust_env=False,
        )
        assert answer.status_code == 401, claim
        assert answer.headers["www-authenticate"] == "Bearer"
        told.add(json.dumps(error_of(answer)))
    assert len(told) == 1
    assert "invalid_api_key" in told.pop()


def test_a_scope_that_does_not_reach_is_refused(tram_server: TramServer) -> None:
    options = ("--scopes", "read_conversation")
    with Program(tram_server, make_key(tram_server, "alice", *options)) as reader:
        answer = reader.ask()
        assert reader.http.get("/v1/models").status_code == 200
    assert answer.status_code == 403
    error = error_of(answer)
    assert (error["code"], error["type"]) == ("forbidden", "permission_error")
    assert "has not the scope send_message" in error["message"]


@pytest.mark.parametrize("path", ["/chat/completions", "/models", "/v1/v1/models"])
def test_a_wrong_base_url_is_told(program: Program, path: str) -> None:
    answer = program.http.get(path)
    assert answer.status_code == 404
    assert f"There is nothing at '{path}'." in error_of(answer)["message"]
    assert ("base URL of this API ends with /v1" in answer.text) is not path.startswith("/v1")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_said_to_be_json_is_refused(program: Program, kind: str) -> None:
    answer = send(program, question(), **{"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json" in error_of(answer)["message"]


def test_a_packed_body_is_refused(program: Program) -> None:
    assert send(program, question(), **{"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize("text", ["", "a b", "k" * 256, "é"])
def test_an_idempotency_key_that_is_none_is_refused(program: Program, text: str) -> None:
    headers = {b"Idempotency-Key": text.encode("latin-1")}
    answer = program.http.post(PATH, json=question(), headers=headers)
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "Idempotency-Key"


def test_a_failure_in_mid_stream_is_an_event_and_the_end_without_the_last_word(
    program: Program,
) -> None:
    streamed = program.stream(model="fault-reset")
    assert streamed.answer.status_code == 200
    assert streamed.text
    assert not streamed.is_whole
    error = streamed.chunks[-1]["error"]
    assert error["code"] == "relay_stream_broken"
    assert error["detail"]["cost_nano_usd"] > 0


def test_a_whole_answer_that_breaks_is_an_error_with_what_it_cost(program: Program) -> None:
    answer = program.ask(model="fault-reset")
    assert answer.status_code == 502
    assert error_of(answer)["detail"]["cost_nano_usd"] > 0


RELAY_FAULTS = {
    "fault-unauthorized": (502, "relay_auth"),
    "fault-html": (502, "relay_protocol"),
    "fault-error-500": (502, "relay_unavailable"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", RELAY_FAULTS)
def test_a_relays_failure_before_the_first_word_has_its_status(
    program: Program, model: str, stream: bool
) -> None:
    status, code = RELAY_FAULTS[model]
    answer = program.ask(str(uuid4()), model=model, stream=stream)
    assert answer.status_code == status, answer.text
    error = error_of(answer)
    assert error["code"] == code
    assert error["detail"]["cost_nano_usd"] == 0


def test_a_busy_relay_says_when_to_come_again(program: Program) -> None:
    # The last one: the relay is left alone for a while after it.
    answer = program.ask(model="fault-busy-hour")
    assert answer.status_code == 429
    assert answer.reason_phrase == "Too Many Requests"
    assert error_of(answer)["code"] == "rate_limit_exceeded"
    assert 60 <= int(answer.headers["retry-after"]) <= 3600
