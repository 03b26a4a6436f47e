"""What the JSON doors take, give and refuse."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.services import keys
from billing.budgets import grant_credit
from chat.models import Conversation
from tests.chat import trees
from tests.people import Cast

WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "REPLACE")

FIRST_DAY_OF_ALL, LAST_DAY_OF_ALL = (
    urlsafe_b64encode(f"{moment} {uuid4().hex}".encode()).decode()
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
)


@pytest.fixture
def client(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


@pytest.fixture
def ours(people: Cast) -> Conversation:
    ours = trees.conversation(people.team, people.alice, "Trams")
    trees.answer(ours, trees.say(ours, "Why?"), "Because.", quality="reported", cost_nano_usd=7)
    return ours


def json_of(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    return json.loads(response.content)


def error_of(response: Any, status: int) -> Any:
    return json_of(response, status)["error"]


def test_a_conversation_and_its_messages_have_the_agreed_shape(
    client: Client, ours: Conversation, people: Cast
) -> None:
    page = json_of(client.get(f"/api/conversations/{ours.pk}/messages"))
    assert set(page) == {"conversation", "items", "has_more", "leaf"}
    assert page["conversation"] == json_of(client.get(f"/api/conversations/{ours.pk}"))
    question, answer = page["items"]
    assert question["author"] == {"id": people.alice.pk, "name": "alice"}
    assert question["turn"] is None
    assert page["leaf"] == answer["id"]
    assert answer["siblings"] == [answer["id"]]
    assert answer["parent"] == question["id"]
    turn = answer["turn"]
    assert (turn["state"], turn["quality"], turn["cost_nano_usd"]) == ("completed", "reported", 7)
    assert set(turn) >= {"id", "epoch", "model", "finish_reason", "error", "usage", "stats"}
    assert set(turn["stats"]) == {"ttft_ms", "total_ms", "tokens", "tokens_per_second"}


def test_conversations_are_listed_found_and_paged(client: Client, people: Cast) -> None:
    trees.conversations(people.team, people.alice, ["Đường sắt", "b", "c"])
    first = json_of(client.get("/api/conversations", {"limit": 2}))
    assert [item["title"] for item in first["items"]] == ["c", "b"]
    second = json_of(client.get("/api/conversations", {"limit": 2, "before": first["next"]}))
    assert [item["title"] for item in second["items"]] == ["Đường sắt"]
    assert second["next"] is None
    found = json_of(client.get("/api/conversations", {"query": "duong"}))
    assert [item["title"] for item in found["items"]] == ["Đường sắt"]


def test_a_conversation_is_changed_deleted_and_restored(client: Client, ours: Conversation) -> None:
    path = f"/api/conversations/{ours.pk}"
    changes = {"title": "Light rail", "pinned": True}
    changed = json_of(client.patch(path, changes, content_type="application/json"))
    assert (changed["title"], changed["pinned"], changed["archived"]) == ("Light rail", True, False)
    assert client.delete(path).status_code == 204
    assert error_of(client.get(path), 404)["code"] == "not_found"
    restored = json_of(client.post(f"{path}/restore"))
    assert restored == changed


def test_changes_are_made_together_or_not_at_all(client: Client, ours: Conversation) -> None:
    path = f"/api/conversations/{ours.pk}"
    changes = {"pinned": True, "title": " "}
    error = error_of(client.patch(path, changes, content_type="application/json"), 400)
    assert (error["code"], error["detail"]["path"]) == ("bad_frame", "$.title")
    ours.refresh_from_db()
    assert (ours.title, ours.pinned_at) == ("Trams", None)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/conversations/{id}", "not json"),
        ("PATCH", "/api/conversations/{id}", "[]"),
        ("PATCH", "/api/conversations/{id}", '{"titel": "x"}'),
        ("PATCH", "/api/conversations/{id}", '{"title": 3}'),
        ("PATCH", "/api/conversations/{id}", '{"title": "' + "x" * 201 + '"}'),
        ("GET", "/api/conversations/not-an-id", ""),
        ("GET", "/api/conversations?limit=0", ""),
        ("GET", "/api/conversations?limit=many", ""),
        ("GET", "/api/conversations?before=nonsense", ""),
        ("GET", "/api/conversations?query=" + "x" * 300, ""),
        ("GET", "/api/conversations/{id}/messages?leaf=nonsense", ""),
        ("POST", "/api/team", '{"team": "nonsense"}'),
        ("POST", "/api/team", ""),
        ("POST", "/api/team", '{"team": "' + "x" * 3_000_000 + '"}'),
        ("GET", "/api/conversations?before=" + FIRST_DAY_OF_ALL, ""),
        ("GET", "/api/conversations?before=" + LAST_DAY_OF_ALL, ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    client: Client, ours: Conversation, method: str, path: str, body: str
) -> None:
    address = path.format(id=ours.pk)
    response = client.generic(method, address, body, content_type="application/json")
    error = error_of(response, 400)
    assert error["code"] == "bad_frame"
    assert error["message"]


@pytest.mark.parametrize(
    ("body", "path"), [('{"title": 3}', "$.title"), ('{"titel": "x"}', "$.titel")]
)
def test_a_refusal_names_the_field_as_the_caller_wrote_it(
    client: Client, ours: Conversation, body: str, path: str
) -> None:
    response = client.patch(f"/api/conversations/{ours.pk}", body, content_type="application/json")
    assert error_of(response, 400)["detail"] == {"path": path}


@pytest.mark.parametrize("query", ["Tra%00ms", "%00", "%25", "_rams", "%F0%9F", "%27%22"])
def test_a_search_for_odd_characters_is_only_a_search(
    client: Client, ours: Conversation, query: str
) -> None:
    assert json_of(client.get(f"/api/conversations?query={query}"))["next"] is None


def test_an_unknown_door_answers_as_json(client: Client) -> None:
    assert error_of(client.get("/api/nothing-here"), 404)["code"] == "not_found"


def test_a_message_of_another_conversation_is_not_found(client: Client, ours: Conversation) -> None:
    path = f"/api/conversations/{ours.pk}/messages"
    assert error_of(client.get(path, {"leaf": str(uuid4())}), 404)["code"] == "not_found"
    assert error_of(client.get(path, {"before": str(uuid4())}), 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "/api/conversations/{id}", '{"title": "x"}', 200),
        ("DELETE", "/api/conversations/{id}", "", 204),
        ("POST", "/api/conversations/{id}/restore", "", 404),
        ("POST", "/api/team", '{"team": "{team}"}', 200),
    ],
)
def test_a_session_changes_something_only_with_the_pages_token(
    people: Cast, ours: Conversation, method: str, path: str, body: str, status: int
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.alice)
    client.get("/accounts/password/change/")
    token = client.cookies["tram-csrf"].value
    address, body = path.format(id=ours.pk), body.replace("{team}", str(people.team.pk))

    def ask(**headers: str) -> Any:
        return client.generic(
            method, address, body, content_type="application/json", headers=headers
        )

    for headers in (
        {},
        {"X-CSRFToken": "x" * 64},
        {"X-CSRFToken": token, "Origin": "https://evil.example"},
        {"X-CSRFToken": token, "Origin": "null"},
        {"X-CSRFToken": token, "Sec-Fetch-Site": "cross-site"},
        {"X-CSRFToken": token, "Sec-Fetch-Site": "same-site"},
    ):
        assert error_of(ask(**headers), 403)["code"] == "csrf_failed"
    ours.refresh_from_db()
    assert (ours.title, ours.deleted_at) == ("Trams", None)
    accepted = ask(**{"X-CSRFToken": token, "Sec-Fetch-Site": "same-origin"})
    assert accepted.status_code == status, accepted.content


def test_a_key_needs_no_token(people: Cast, ours: Conversation) -> None:
    secret = keys.create_api_key(people.bob, people.team, "bot").secret
    client = Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {secret}"})
    path = f"/api/conversations/{ours.pk}"
    changed = client.patch(path, {"title": "By a bot"}, content_type="application/json")
    assert json_of(changed)["title"] == "By a bot"


def test_reading_changes_nothing(client: Client, ours: Conversation, without_relay: None) -> None:
    client.get("/api/me")
    for path in ("", f"/{ours.pk}", f"/{ours.pk}/messages", "?query=why"):
        with CaptureQueriesContext(connection) as queries:
            json_of(client.get(f"/api/conversations{path}"))
        assert [sql for query in queries if (sql := query["sql"]).startswith(WRITES)] == []
    for door in ("me", "budget", "models"):
        with CaptureQueriesContext(connection) as queries:
            json_of(client.get(f"/api/{door}"))
        assert [sql for query in queries if (sql := query["sql"]).startswith(WRITES)] == []


def test_me_names_the_person_her_teams_and_the_languages(client: Client, people: Cast) -> None:
    me = json_of(client.get("/api/me"))
    assert me["user"] == {
        "id": people.alice.pk,
        "username": "alice",
        "name": "alice",
        "is_staff": True,
    }
    assert me["team"] == {"id": str(people.team.pk), "name": "Team of Alice", "role": "owner"}
    assert len(me["teams"]) == 2
    assert me["language"] == "en"
    assert [language["code"] for language in me["languages"]] == ["en", "vi", "zh-hans"]


def test_another_team_becomes_the_current_one_for_this_session(
    client: Client, people: Cast, ours: Conversation
) -> None:
    personal = people.alice.memberships.get(team__personal=True).team
    body = {"team": str(personal.pk)}
    switched = json_of(client.post("/api/team", body, content_type="application/json"))
    assert switched["team"]["id"] == str(personal.pk)
    assert json_of(client.get("/api/me"))["team"]["id"] == str(personal.pk)
    assert json_of(client.get("/api/conversations"))["items"] == []
    other = Client()
    other.force_login(people.alice)
    assert json_of(other.get("/api/me"))["team"]["id"] == str(people.team.pk)


def test_the_budget_names_who_can_raise_it(client: Client, people: Cast) -> None:
    before = json_of(client.get("/api/budget"))
    grant_credit(team_id=people.team.pk, amount_nano_usd=5_000_000_000)
    budget = json_of(client.get("/api/budget"))
    assert budget["granted_nano_usd"] == before["granted_nano_usd"] + 5_000_000_000
    assert budget["remaining_nano_usd"] == budget["granted_nano_usd"]
    assert budget["raisers"] == ["alice"]
