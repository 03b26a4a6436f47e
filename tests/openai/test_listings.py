"""The lists that programs read: models, one model, and what was used."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.openai.program import Program, error_of, make_key
from tests.servers import TramServer


@pytest.fixture(scope="module")
def narrow(tram_server: TramServer) -> Iterator[Program]:
    """A key of Bob's that may ask one model only, and not see money."""
    options = ("--models", "gpt-4.1", "--scopes", "send_message")
    with Program(tram_server, make_key(tram_server, "bob", *options)) as made:
        yield made


def test_models_are_listed_with_what_they_cost(program: Program) -> None:
    answer = program.http.get("/v1/models")
    listed = answer.json()
    assert listed["object"] == "list"
    assert answer.headers["x-request-id"].startswith("req_")
    shown = {each["id"]: each for each in listed["data"]}
    model = shown["gpt-4.1"]
    assert model["object"] == "model"
    assert isinstance(model["created"], int)
    assert model["owned_by"]
    assert Decimal(model["pricing"]["prompt"]) == Decimal("0.000008")


def test_one_model_is_shown_by_its_name_or_another_name_for_it(program: Program) -> None:
    assert program.http.get("/v1/models/gpt-4.1").json()["id"] == "gpt-4.1"
    assert program.http.get("/v1/models/claude-3-sonnet").json()["id"] == "claude-sonnet-4.5"


@pytest.mark.parametrize("name", ["nobody/has-this", "gpt-4.11", "..%2Fadmin"])
def test_a_model_that_is_not_there_is_not_found(program: Program, name: str) -> None:
    answer = program.http.get(f"/v1/models/{name}")
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "model_not_found"


def test_a_key_sees_only_the_models_that_it_may_ask(narrow: Program) -> None:
    assert [each["id"] for each in narrow.http.get("/v1/models").json()["data"]] == ["gpt-4.1"]
    assert narrow.http.get("/v1/models/claude-opus-4").status_code == 404


def test_usage_tells_the_teams_and_the_keys_money(tram_server: TramServer) -> None:
    with Program(tram_server, make_key(tram_server, "alice")) as program:
        before = program.http.get("/v1/usage").json()
        assert before["key"] == {"spent_nano_usd": 0, "held_nano_usd": 0, "left_nano_usd": None}
        whole = program.ask().json()
        after = program.http.get("/v1/usage").json()
    assert after["key"]["spent_nano_usd"] == whole["tram"]["cost_nano_usd"]
    assert after["total_usage"] - before["total_usage"] == whole["usage"]["total_tokens"]
    spent = after["team"]["spent_nano_usd"] - before["team"]["spent_nano_usd"]
    assert spent == whole["tram"]["cost_nano_usd"]
    assert after["team"]["left_nano_usd"] == before["team"]["left_nano_usd"] - spent
    assert after["total_granted"] > after["total_usage"]


def test_usage_is_for_those_who_may_see_money(narrow: Program) -> None:
    answer = narrow.http.get("/v1/usage")
    assert answer.status_code == 403
    assert error_of(answer)["type"] == "permission_error"


def test_a_head_is_asked_for_without_its_body(program: Program) -> None:
    answer = program.http.head("/v1/models")
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 0


def test_what_an_address_takes_is_told(program: Program) -> None:
    answer = program.http.options("/v1/chat/completions")
    assert answer.status_code == 204
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_refused_with_those_that_are_taken(program: Program, method: str) -> None:
    answer = program.http.request(method, "/v1/chat/completions")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert error_of(answer)["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/embeddings", "/v1/models/", "/v1//models"])
def test_what_is_not_there_is_not_found_in_openais_shape(program: Program, path: str) -> None:
    answer = program.http.get(path)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"
