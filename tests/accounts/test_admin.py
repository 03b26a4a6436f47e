"""The admin pages show everything and go past nothing."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from accounts.models import APIKey, AuditEntry, Membership, Team, User
from accounts.roles import Role
from accounts.services.keys import create_api_key, revoke_api_key
from tests.people import Cast


@pytest.fixture
def admin(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


def membership_form(people: Cast, **roles: str) -> dict[str, Any]:
    """The form of Alice's team with other roles, or "gone" for people to be removed."""
    rows = list(Membership.objects.filter(team=people.team).select_related("user"))
    form: dict[str, Any] = {
        "name": people.team.name,
        "memberships-TOTAL_FORMS": len(rows),
        "memberships-INITIAL_FORMS": len(rows),
    }
    for index, row in enumerate(rows):
        wanted = roles.get(row.user.username, row.role)
        form[f"memberships-{index}-id"] = row.pk
        form[f"memberships-{index}-team"] = str(people.team.pk)
        form[f"memberships-{index}-user"] = row.user_id
        form[f"memberships-{index}-role"] = row.role if wanted == "gone" else wanted
        if wanted == "gone":
            form[f"memberships-{index}-DELETE"] = "on"
    return form


def roles_of(team: Team) -> dict[str, str]:
    return dict(Membership.objects.filter(team=team).values_list("user__username", "role"))


@pytest.mark.parametrize("model", ["user", "team", "apikey", "auditentry"])
def test_a_list_opens_and_can_be_searched(people: Cast, admin: Client, model: str) -> None:
    create_api_key(people.bob, people.team, "script")
    answer = admin.get(reverse(f"admin:accounts_{model}_changelist"), {"q": "bob"})
    assert answer.status_code == 200
    assert b"bob" in answer.content


def test_the_pages_of_rows_open(people: Cast, admin: Client) -> None:
    key = create_api_key(people.bob, people.team, "script").key
    for row in (people.bob, people.team, key, AuditEntry.objects.latest("id")):
        name = f"admin:accounts_{row._meta.model_name}_change"
        assert admin.get(reverse(name, args=[row.pk])).status_code == 200


@pytest.mark.parametrize("state", ["works", "expired", "revoked"])
def test_keys_are_found_by_how_they_stand(people: Cast, admin: Client, state: str) -> None:
    keys = {
        name: create_api_key(people.bob, people.team, f"it-{name}", model_names=["o3"]).key
        for name in ("works", "expired", "revoked")
    }
    APIKey.objects.filter(pk=keys["expired"].pk).update(expires_at="2020-01-01T00:00Z")
    revoke_api_key(keys["revoked"])
    shown = admin.get(reverse("admin:accounts_apikey_changelist"), {"state": state}).content
    assert {name for name in keys if f"it-{name}".encode() in shown} == {state}
    assert b"o3" in shown


def test_people_who_are_no_staff_see_nothing(people: Cast) -> None:
    client = Client()
    client.force_login(people.bob)
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 302


def test_a_person_joins_a_team(people: Cast, admin: Client) -> None:
    form = membership_form(people)
    form["memberships-TOTAL_FORMS"] = 4
    form |= {
        "memberships-3-id": "",
        "memberships-3-team": str(people.team.pk),
        "memberships-3-user": people.charlie.pk,
        "memberships-3-role": "viewer",
    }
    admin.post(reverse("admin:accounts_team_change", args=[people.team.pk]), form)
    assert roles_of(people.team)["charlie"] == Role.VIEWER
    entry = AuditEntry.objects.filter(action="member_added").latest("id")
    assert entry.actor == "alice"


def test_a_team_is_handed_over_in_one_form(people: Cast, admin: Client) -> None:
    form = membership_form(people, alice="member", bob="owner", dana="gone")
    admin.post(reverse("admin:accounts_team_change", args=[people.team.pk]), form)
    assert roles_of(people.team) == {"alice": Role.MEMBER, "bob": Role.OWNER}


@pytest.mark.parametrize("wanted", ["member", "gone"])
def test_the_last_owner_is_not_taken_away(people: Cast, admin: Client, wanted: str) -> None:
    form = membership_form(people, alice=wanted) | {"name": "Renamed"}
    answer = admin.post(
        reverse("admin:accounts_team_change", args=[people.team.pk]), form, follow=True
    )
    assert b"at least one active owner" in answer.content
    assert roles_of(people.team)["alice"] == Role.OWNER
    people.team.refresh_from_db()
    assert people.team.name != "Renamed"


def test_a_new_team_needs_an_owner(people: Cast, admin: Client) -> None:
    form: dict[str, Any] = {
        "name": "New",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-user": people.bob.pk,
        "memberships-0-role": "member",
    }
    admin.post(reverse("admin:accounts_team_add"), form)
    assert not Team.objects.filter(name="New").exists()
    admin.post(reverse("admin:accounts_team_add"), form | {"memberships-0-role": "owner"})
    assert roles_of(Team.objects.get(name="New")) == {"bob": Role.OWNER}


def test_a_personal_team_takes_nobody(people: Cast, admin: Client) -> None:
    own = Team.objects.get(personal=True, memberships__user=people.bob)
    form = {
        "name": "bob",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-user": people.alice.pk,
        "memberships-0-role": "owner",
    }
    admin.post(reverse("admin:accounts_team_change", args=[own.pk]), form)
    assert roles_of(own) == {"bob": Role.OWNER}


def person_form(person: User, **changes: str) -> dict[str, str]:
    form = {"username": person.username, "email": person.email, "theme": person.theme}
    form |= {
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    return form | changes


def test_a_person_is_disabled_by_the_service(people: Cast, admin: Client) -> None:
    before = people.bob.auth_version
    url = reverse("admin:accounts_user_change", args=[people.bob.pk])
    admin.post(url, person_form(people.bob, first_name="Robert"))
    people.bob.refresh_from_db()
    assert (people.bob.is_active, people.bob.first_name) == (False, "Robert")
    assert people.bob.auth_version == before + 1


def test_an_administrator_does_not_shut_everybody_out(people: Cast, admin: Client) -> None:
    url = reverse("admin:accounts_user_change", args=[people.alice.pk])
    answer = admin.post(url, person_form(people.alice, first_name="A", is_active="on"), follow=True)
    assert b"at least one active administrator" in answer.content
    people.alice.refresh_from_db()
    assert (people.alice.is_superuser, people.alice.first_name) == (True, "")


def test_a_new_person_gets_a_personal_team(people: Cast, admin: Client) -> None:
    form = {
        "username": "eve",
        "usable_password": "true",
        "password1": "a-new-pass-word",
        "password2": "a-new-pass-word",
    }
    admin.post(reverse("admin:accounts_user_add"), form)
    assert Membership.objects.get(user__username="eve").team.personal


def test_nobody_and_no_team_can_be_deleted(people: Cast, admin: Client) -> None:
    for name, row in (("user", people.bob), ("team", people.other_team)):
        assert (
            admin.post(reverse(f"admin:accounts_{name}_delete", args=[row.pk])).status_code == 403
        )
    assert User.objects.filter(pk=people.bob.pk).exists()


def test_a_key_is_revoked_and_its_hash_is_nowhere(people: Cast, admin: Client) -> None:
    made = create_api_key(people.bob, people.team, "script")
    for url in (
        reverse("admin:accounts_apikey_changelist"),
        reverse("admin:accounts_apikey_change", args=[made.key.pk]),
    ):
        content = admin.get(url).content.decode()
        assert made.key.sha256 not in content
        assert made.secret not in content
    action = {"action": "revoke", "_selected_action": made.key.pk}
    admin.post(reverse("admin:accounts_apikey_changelist"), action)
    assert APIKey.objects.get().revoked_at is not None
    assert AuditEntry.objects.get(action="api_key_revoked").actor == "alice"


def test_the_audit_log_is_only_read(people: Cast, admin: Client) -> None:
    entry = AuditEntry.objects.latest("id")
    url = reverse("admin:accounts_auditentry_change", args=[entry.pk])
    assert admin.post(url, {"actor": "nobody"}).status_code == 403
    assert admin.post(reverse("admin:accounts_auditentry_add"), {}).status_code == 403


def test_the_secret_of_a_second_factor_is_not_shown(people: Cast, admin: Client) -> None:
    factor = Authenticator.objects.create(
        user=people.bob, type="totp", data={"secret": "CANARYSECRET"}
    )
    content = admin.get(reverse("admin:mfa_authenticator_change", args=[factor.pk])).content
    assert b"bob" in content
    assert b"CANARYSECRET" not in content
