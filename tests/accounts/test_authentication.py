"""One way to learn who acts, the same for every door."""

from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.authentication import authenticate, authenticate_request, revalidate
from accounts.models import Membership, Team, User
from accounts.policy import NO_TEAM, NotVisible
from accounts.roles import Role
from accounts.services import people as people_services
from accounts.services import teams
from accounts.services.current_team import switch_team
from accounts.services.keys import create_api_key, revoke_api_key
from tests.people import Cast


def session_of(user: User) -> Any:
    client = Client()
    client.force_login(user)
    return client.session


def bearer(secret: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"testserver"), (b"Authorization", b"Bearer " + secret.encode())]


def test_nothing_proves_nobody(people: Cast) -> None:
    assert authenticate([], None) is None
    assert authenticate([], SessionStore()) is None


def test_a_session_proves_its_person_in_her_oldest_shared_team(people: Cast) -> None:
    principal = authenticate([], session_of(people.bob))
    assert principal is not None
    assert (principal.username, principal.via) == ("bob", "session")
    assert principal.team_id == people.team.pk
    assert principal.roles[people.team.pk] == Role.MEMBER
    assert people.other_team.pk not in principal.roles
    assert len(principal.roles) == 2


def test_looking_who_acts_writes_nothing(people: Cast) -> None:
    session = session_of(people.bob)
    with CaptureQueriesContext(connection) as queries:
        authenticate([], session)
    assert all(query["sql"].startswith("SELECT") for query in queries)


def test_the_chosen_team_is_current_until_she_leaves_it(people: Cast) -> None:
    session = session_of(people.bob)
    teams.add_member(people.other_team, people.bob)
    switch_team(session, people.bob.pk, people.other_team.pk)
    principal = authenticate([], session)
    assert principal is not None
    assert principal.team_id == people.other_team.pk
    teams.remove_member(people.other_team, people.bob)
    principal = authenticate([], session)
    assert principal is not None
    assert principal.team_id == people.team.pk


def test_nobody_switches_to_a_foreign_team(people: Cast) -> None:
    session = session_of(people.bob)
    with pytest.raises(NotVisible):
        switch_team(session, people.bob.pk, people.other_team.pk)
    session["current_team"] = str(people.other_team.pk)
    principal = authenticate([], session)
    assert principal is not None
    assert principal.team_id == people.team.pk


@pytest.mark.parametrize("planted", ["nonsense", None, 7, ["a"]])
def test_nonsense_in_the_session_chooses_no_team(people: Cast, planted: Any) -> None:
    session = session_of(people.bob)
    session["current_team"] = planted
    principal = authenticate([], session)
    assert principal is not None
    assert principal.team_id == people.team.pk


def test_a_person_without_any_team_sees_nothing(people: Cast) -> None:
    Membership.objects.filter(user=people.bob).delete()
    principal = authenticate([], session_of(people.bob))
    assert principal is not None
    assert (principal.team_id, dict(principal.roles)) == (NO_TEAM, {})


def test_a_key_proves_its_person_over_http_and_in_a_socket_scope(people: Cast) -> None:
    secret = create_api_key(people.bob, people.team, "k").secret
    request = RequestFactory().get("/", headers={"authorization": f"Bearer {secret}"})
    by_scope, by_http = authenticate(bearer(secret), None), authenticate_request(request)
    assert by_scope is not None
    assert by_scope == by_http


@pytest.mark.parametrize(
    "claim",
    [b"", b"Bearer", b"Bearer ", b"Bearer wrong", b"Basic Ym9iOng=", b"Token x", b"\xff\xfe"],
)
def test_a_bad_claim_is_not_made_good_by_a_cookie(people: Cast, claim: bytes) -> None:
    session = session_of(people.bob)
    assert authenticate([(b"authorization", claim)], session) is None


def test_two_claims_at_once_are_none(people: Cast) -> None:
    secret = create_api_key(people.bob, people.team, "k").secret
    assert authenticate(bearer(secret) + bearer(secret), None) is None


@pytest.mark.parametrize("header", [b"x-api-key", b"api-key", b"proxy-authorization"])
def test_a_key_counts_only_in_the_one_header(people: Cast, header: bytes) -> None:
    secret = create_api_key(people.bob, people.team, "k").secret
    assert authenticate([(header, b"Bearer " + secret.encode())], None) is None


def test_a_disabled_person_proves_nothing_by_either_way(people: Cast) -> None:
    session = session_of(people.bob)
    secret = create_api_key(people.bob, people.team, "k").secret
    people_services.disable_person(people.bob)
    assert authenticate([], session) is None
    assert authenticate(bearer(secret), None) is None


def test_a_session_older_than_the_password_proves_nothing(people: Cast) -> None:
    session = session_of(people.bob)
    people.bob.set_password("another-password")
    people.bob.save()
    assert authenticate([], session) is None


def test_a_session_principal_holds_until_the_session_ends(people: Cast) -> None:
    session = session_of(people.bob)
    principal = authenticate([], session)
    assert principal is not None
    assert revalidate(principal) == principal
    session.flush()
    assert revalidate(principal) is None


def test_looking_again_brings_the_new_rights(people: Cast) -> None:
    principal = authenticate([], session_of(people.bob))
    assert principal is not None
    teams.change_role(people.team, people.bob, Role.VIEWER)
    fresh = revalidate(principal)
    assert fresh is not None
    assert fresh.roles[people.team.pk] == Role.VIEWER
    assert fresh.auth_version > principal.auth_version


def test_a_key_principal_holds_until_the_key_is_revoked(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "k")
    principal = authenticate(bearer(made.secret), None)
    assert principal is not None
    assert revalidate(principal) == principal
    revoke_api_key(made.key)
    assert revalidate(principal) is None


def test_a_personal_team_is_current_where_there_is_no_other(people: Cast) -> None:
    teams.remove_member(people.team, people.bob)
    principal = authenticate([], session_of(people.bob))
    assert principal is not None
    assert Team.objects.get(pk=principal.team_id).personal
