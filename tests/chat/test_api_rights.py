"""Every door, asked by everybody: who may, who may not, and who does not even see it."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.roles import Capability
from accounts.services import keys, people
from chat.api import api
from chat.models import Conversation
from tests.chat import trees
from tests.people import Cast

OK, NO_CONTENT, SIGN_IN, FORBIDDEN, ABSENT = 200, 204, 401, 403, 404


@dataclass(frozen=True)
class Action:
    """One request, and the status that each kind of person gets."""

    method: str
    path: str
    member: int = OK
    viewer: int = OK
    stranger: int = ABSENT
    key: int = OK
    reading_key: int = OK
    body: dict[str, Any] | None = None


ACTIONS = {
    "list_conversations": Action("GET", "/api/conversations", stranger=OK),
    "show": Action("GET", "/api/conversations/{id}"),
    "messages": Action("GET", "/api/conversations/{id}/messages"),
    "change": Action(
        "PATCH",
        "/api/conversations/{id}",
        viewer=FORBIDDEN,
        reading_key=FORBIDDEN,
        body={"title": "Another", "pinned": True, "archived": True},
    ),
    "delete": Action(
        "DELETE",
        "/api/conversations/{id}",
        member=NO_CONTENT,
        viewer=FORBIDDEN,
        key=NO_CONTENT,
        reading_key=FORBIDDEN,
    ),
    "restore": Action(
        "POST", "/api/conversations/{deleted}/restore", viewer=FORBIDDEN, reading_key=FORBIDDEN
    ),
    "models": Action("GET", "/api/models", stranger=OK),
    "me": Action("GET", "/api/me", stranger=OK),
    "budget": Action("GET", "/api/budget", stranger=OK, reading_key=FORBIDDEN),
    "choose_team": Action(
        "POST", "/api/team", body={"team": "{team}"}, key=FORBIDDEN, reading_key=FORBIDDEN
    ),
}


@dataclass(frozen=True)
class Place:
    """What the doors are asked for."""

    people: Cast
    live: Conversation
    deleted: Conversation

    def request(self, client: Client, action: Action, **headers: str) -> Any:
        path = action.path.format(id=self.live.pk, deleted=self.deleted.pk)
        body = json.dumps(action.body or {}).replace("{team}", str(self.people.team.pk))
        return client.generic(
            action.method, path, body, content_type="application/json", headers=headers
        )

    def state(self) -> list[Any]:
        return list(Conversation.objects.order_by("id").values())


@pytest.fixture
def place(people: Cast, settings: Any) -> Place:
    # No relay at all: the models are then listed as unavailable.
    live = trees.conversation(people.team, people.alice, "live")
    trees.answer(live, trees.say(live, "question"))
    deleted = trees.conversation(people.team, people.alice, "deleted")
    Conversation.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    return Place(people, live, deleted)


@pytest.fixture(autouse=True)
def _no_relay(without_relay: None) -> None:
    pass


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def check(place: Place, response: Any, expected: int, before: list[Any]) -> None:
    assert response.status_code == expected, response.content
    if expected < 400:
        return
    assert place.state() == before
    error = json.loads(response.content)["error"]
    codes = {SIGN_IN: "not_signed_in", FORBIDDEN: "forbidden", ABSENT: "not_found"}
    assert error["code"] == codes[expected]
    assert error["message"]


def test_every_door_has_its_row() -> None:
    doors = {
        operation.view_func.__name__
        for prefix, router in api._routers
        # Those of batches have rules of their own: tests/batches/test_rights.py.
        if prefix != "/batches"
        for view in router.path_operations.values()
        for operation in view.operations
    }
    assert doors == set(ACTIONS)


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("who", ["alice", "bob", "dana", "charlie"])
def test_a_person_may_what_her_role_allows(place: Place, name: str, who: str) -> None:
    action = ACTIONS[name]
    allowed = {"dana": action.viewer, "charlie": action.stranger}.get(who, action.member)
    before = place.state()
    response = place.request(signed_in(getattr(place.people, who)), action)
    check(place, response, allowed, before)


def test_nobody_means_sign_in_first(place: Place) -> None:
    before = place.state()
    for action in ACTIONS.values():
        check(place, place.request(Client(), action), SIGN_IN, before)


def test_a_disabled_person_is_nobody(place: Place) -> None:
    client = signed_in(place.people.bob)
    key = keys.create_api_key(place.people.bob, place.people.team, "bot")
    people.disable_person(place.people.bob)
    before = place.state()
    for action in ACTIONS.values():
        check(place, place.request(client, action), SIGN_IN, before)
        with_key = place.request(Client(), action, authorization=f"Bearer {key.secret}")
        check(place, with_key, SIGN_IN, before)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_key_may_what_its_scope_allows(place: Place, name: str) -> None:
    action, bob, team = ACTIONS[name], place.people.bob, place.people.team
    reading = keys.create_api_key(bob, team, "reads", scopes=[Capability.READ_CONVERSATION])
    before = place.state()
    response = place.request(Client(), action, authorization=f"Bearer {reading.secret}")
    check(place, response, action.reading_key, before)
    full = keys.create_api_key(bob, team, "chats")
    before = place.state()
    response = place.request(Client(), action, authorization=f"Bearer {full.secret}")
    check(place, response, action.key, before)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_key_of_another_team_is_a_stranger(place: Place, name: str) -> None:
    action, cast = ACTIONS[name], place.people
    personal = cast.alice.memberships.get(team__personal=True).team
    key = keys.create_api_key(cast.alice, personal, "elsewhere")
    expected = action.key if name == "choose_team" else action.stranger
    before = place.state()
    response = place.request(Client(), action, authorization=f"Bearer {key.secret}")
    check(place, response, expected, before)


@pytest.mark.parametrize("claim", ["Bearer tram_x_y", "Bearer ", "Basic YWxpY2U6eA=="])
def test_a_bad_key_is_not_made_good_by_a_cookie(place: Place, claim: str) -> None:
    before = place.state()
    client = signed_in(place.people.alice)
    for action in ACTIONS.values():
        check(place, place.request(client, action, authorization=claim), SIGN_IN, before)


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if "{" in action.path])
def test_what_does_not_exist_looks_like_what_is_foreign(place: Place, name: str) -> None:
    action = ACTIONS[name]
    client = signed_in(place.people.charlie)
    foreign = place.request(client, action)
    path = action.path.format(id=uuid4(), deleted=uuid4())
    absent = client.generic(
        action.method, path, json.dumps(action.body or {}), content_type="application/json"
    )
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
