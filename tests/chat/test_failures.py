"""What people and programs see while the database is away."""

import json

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import get_resolver


def answer_to(error: Exception, path: str) -> HttpResponse:
    """What Django shows when a view fails so."""
    handler = get_resolver().resolve_error_handler(500)
    request: HttpRequest = RequestFactory().get(path)
    try:
        raise error
    except Exception:
        answer: HttpResponse = handler(request)
    return answer


@pytest.mark.parametrize("path", ["/", "/api/v1/teams"])
def test_a_database_that_is_away_is_worth_another_try(path: str) -> None:
    answer = answer_to(OperationalError("couldn't get a connection after 3.00 sec"), path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    said = answer.content.decode()
    assert "The database does not answer right now" in said
    assert "couldn't get" not in said
    if path == "/":
        assert 'http-equiv="refresh"' in said
    else:
        assert json.loads(said)["error"]["code"] == "storage_unavailable"


def test_another_error_stays_one() -> None:
    assert answer_to(ValueError("odd"), "/").status_code == 500
