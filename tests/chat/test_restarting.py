"""What a process answers while it drains."""

import pytest
from django.test import Client

from chat.turns import lifecycle
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def draining(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_draining", True)
    monkeypatch.setattr(lifecycle, "_taken_over", False)


def test_a_page_says_that_it_restarts_and_asks_again_by_itself(
    client: Client, draining: None
) -> None:
    page = client.get("/", headers={"Accept-Language": "vi"})
    assert (page.status_code, page.headers["Retry-After"]) == (503, "3")
    assert page.headers["Cache-Control"] == "no-store"
    text = page.content.decode()
    assert '<meta http-equiv="refresh" content="3">' in text
    assert "Tram đang khởi động lại" in text


def test_a_door_says_so_by_its_code(client: Client, draining: None) -> None:
    answer = client.get("/api/conversations/")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "restarting"
    assert answer.json()["error"]["retry_after_seconds"] == 3


def test_nothing_is_done_for_anybody(client: Client, people: Cast, draining: None) -> None:
    client.force_login(people.alice)
    assert client.post("/accounts/logout/").status_code == 503
    assert client.session.get("_auth_user_id") == str(people.alice.pk)


def test_the_probe_says_so_and_others_answer_as_ever(client: Client, draining: None) -> None:
    assert client.get("/ready").json() == {"status": "draining"}
    assert client.get("/metrics").status_code == 404


def test_where_other_workers_share_the_port_it_answers_to_the_end(
    client: Client, draining: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_taken_over", True)
    assert client.get("/ready").json() == {"status": "ready"}
    assert client.get("/accounts/login/").status_code == 302
