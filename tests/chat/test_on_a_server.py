"""The doors and probes behind the real server, where sync doors meet the relays' event loop."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from tests.servers import TramServer

pytestmark = pytest.mark.services


@pytest.fixture
def alice(tram_server: TramServer) -> Iterator[httpx.Client]:
    with closing(tram_server.sign_in("alice")) as client:
        yield client


def test_probes_answer_without_signing_in(tram_server: TramServer) -> None:
    with httpx.Client(base_url=tram_server.url, timeout=20) as nobody:
        health = nobody.get("/health")
        assert health.status_code == 200, health.text
        assert health.json()["models_available"] > 0
        assert nobody.get("/ready").json() == {"status": "ready"}
        assert nobody.get("/api/me").status_code == 401


def test_many_people_list_models_at_once(alice: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: alice.get("/api/models"), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    listed = answers[0].json()
    assert listed["default"] in {item["id"] for item in listed["items"] if item["available"]}


def test_a_door_takes_the_pages_token_from_a_browser_only(alice: httpx.Client) -> None:
    teams = alice.get("/api/me").json()["teams"]
    body = {"team": teams[-1]["id"]}
    assert alice.post("/api/team", json=body).json()["team"] == teams[-1]
    assert alice.post("/api/team", json=body, headers={"X-CSRFToken": ""}).status_code == 403
    foreign = {"Origin": "https://evil.example"}
    assert alice.post("/api/team", json=body, headers=foreign).status_code == 403


def test_the_page_opens_and_what_is_not_there_does_not(alice: httpx.Client) -> None:
    page = alice.get("/")
    assert page.status_code == 200
    assert 'id="boot"' in page.text
    missing = alice.get("/c/00000000-0000-0000-0000-000000000000/")
    assert missing.status_code == 404
    assert "There is no such page" in missing.text
