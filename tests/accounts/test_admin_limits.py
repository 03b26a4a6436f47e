"""What staff who is no administrator cannot do, and what nobody can read out of the admin."""

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.people import PASSWORD, Cast


@pytest.fixture
def admin(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


def staff_with(person: User, *permissions: str) -> Client:
    """Sign in as staff who is no administrator."""
    person.is_staff = True
    person.save()
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(person)
    return client


def test_staff_who_is_no_administrator_gives_nobody_more_rights(people: Cast) -> None:
    bob = staff_with(people.bob, "view_user", "change_user")
    of_dana = reverse("admin:accounts_user_change", args=[people.dana.pk])
    assert 'name="is_superuser"' not in bob.get(of_dana).content.decode()
    form = {
        "username": "dana",
        "email": "dana@example.com",
        "first_name": "Dana",
        "theme": "system",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }
    assert bob.post(of_dana, form).status_code == 302
    dana = User.objects.get(pk=people.dana.pk)
    assert (dana.first_name, dana.is_staff, dana.is_superuser) == ("Dana", False, False)


@pytest.mark.parametrize("whom", ["alice", "bob"])
def test_staff_who_is_no_administrator_changes_no_staff_not_even_herself(
    people: Cast, whom: str
) -> None:
    bob = staff_with(people.bob, "view_user", "change_user", "view_emailaddress")
    person = getattr(people, whom)
    for name in ("admin:accounts_user_change", "admin:auth_user_password_change"):
        assert bob.post(reverse(name, args=[person.pk]), {}).status_code == 403
    address = EmailAddress.objects.get(user=person)
    EmailAddress.objects.filter(pk=address.pk).update(verified=False)
    change = reverse("admin:account_emailaddress_change", args=[address.pk])
    assert bob.post(change, {"email": "bob@evil.example"}).status_code == 403
    bob.post(
        reverse("admin:account_emailaddress_changelist"),
        {"action": "make_verified", "_selected_action": address.pk},
    )
    assert not EmailAddress.objects.get(pk=address.pk).verified


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("usersessions_usersession", "session_key__startswith"),
        ("mfa_authenticator", "data__secret__startswith"),
        ("accounts_apikey", "sha256__startswith"),
        ("accounts_user", "password__startswith"),
    ],
)
def test_a_secret_cannot_be_guessed_by_filters(admin: Client, model: str, lookup: str) -> None:
    answer = admin.get(reverse(f"admin:{model}_changelist"), {lookup: "a"})
    assert answer.status_code == 400


def test_sessions_are_listed_without_their_keys(people: Cast, admin: Client) -> None:
    charlie = Client()
    charlie.post(reverse("account_login"), {"login": "charlie", "password": PASSWORD})
    session = UserSession.objects.get(user=people.charlie)
    for address in (
        reverse("admin:usersessions_usersession_changelist"),
        reverse("admin:usersessions_usersession_change", args=[session.pk]),
    ):
        content = admin.get(address).content.decode()
        assert "charlie" in content
        assert str(charlie.session.session_key) not in content
