"""Foreign pages use the API with a key, if their origin is listed, and never with a cookie."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.openai.conftest import LIMITS
from tests.openai.program import PATH, QUICK, Program, make_key, question
from tests.servers import TramServer

FRIEND = "https://app.example.org"
STRANGER = "https://evil.example.org"


@pytest.fixture(scope="module")
def tram_server(
    priced_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site, which lets one foreign origin in."""
    folder = tmp_path_factory.mktemp("tram")
    env = LIMITS | {"CORS_ORIGINS": FRIEND}
    with TramServer(folder, priced_template, env, relay_options=QUICK) as server:
        yield server


def preflight(program: Program, path: str, origin: str) -> httpx.Response:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
    }
    return program.http.request("OPTIONS", path, headers=asked)


@pytest.mark.parametrize("path", [PATH, "/api/conversations"])
def test_a_listed_page_may_send_what_clients_send(program: Program, path: str) -> None:
    answer = preflight(program, path, FRIEND)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "x-stainless-lang" in answer.headers["access-control-allow-headers"]
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", [PATH, "/api/conversations"])
@pytest.mark.parametrize("origin", [STRANGER, "null", FRIEND + ":8443", FRIEND.upper()])
def test_another_page_is_given_no_leave(program: Program, path: str, origin: str) -> None:
    answer = preflight(program, path, origin)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "Origin" in answer.headers["vary"]


def test_a_listed_page_reads_answers_and_their_heads(program: Program) -> None:
    answer = program.post(question(), {"Origin": FRIEND})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]


def test_a_listed_page_reads_refusals_too(program: Program) -> None:
    answer = program.http.post(
        PATH, json=question(), headers={"Origin": FRIEND, "Authorization": "Bearer no"}
    )
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == FRIEND


def test_another_page_is_not_shown_the_answer(program: Program) -> None:
    answer = program.http.get("/v1/models", headers={"Origin": STRANGER})
    assert "access-control-allow-origin" not in answer.headers


def test_a_session_counts_for_no_foreign_page(tram_server: TramServer) -> None:
    with closing(tram_server.sign_in("alice")) as alice:
        assert alice.get("/api/models").status_code == 200
        answer = alice.get("/api/models", headers={"Origin": FRIEND})
        assert answer.status_code == 401
        assert "access-control-allow-credentials" not in answer.headers
        for headers in ({}, {"Origin": FRIEND}):
            assert alice.get("/v1/models", headers=headers).status_code == 401


def test_pages_are_not_for_foreign_pages(program: Program) -> None:
    answer = program.http.get("/accounts/login/", headers={"Origin": FRIEND})
    assert "access-control-allow-origin" not in answer.headers


def test_a_key_opens_the_product_api_to_a_listed_page(tram_server: TramServer) -> None:
    with Program(tram_server, make_key(tram_server, "bob")) as program:
        answer = program.http.get("/api/models", headers={"Origin": FRIEND})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND
