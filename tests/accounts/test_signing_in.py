"""Signing in and up through the pages, as a browser does."""

import re
import threading
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Membership, User
from accounts.roles import Role
from accounts.signals import RightsChange
from tests.people import PASSWORD, Cast

SIGN_UP = {
    "username": "zoe",
    "email": "zoe@example.com",
    "password1": "correct horse battery",
    "password2": "correct horse battery",
}


def sign_in(client: Client, login: str, password: str) -> Any:
    return client.post(reverse("account_login"), {"login": login, "password": password})


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed, which is nearly all the time a sign-in takes."""

    calls = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).calls += 1
        return super().encode(password, salt)


@pytest.mark.parametrize("login", ["bob", "BOB", "bob@example.com"])
def test_a_person_signs_in_by_name_or_address(people: Cast, client: Client, login: str) -> None:
    answer = sign_in(client, login, PASSWORD)
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(people.bob.pk)


def test_an_unknown_person_and_a_wrong_password_look_the_same(people: Cast) -> None:
    def refusal(login: str) -> tuple[int, str]:
        answer = sign_in(Client(), login, "wrong")
        text = answer.content.decode().replace(login, "LOGIN")
        without_tokens = re.sub(r'"csrf-?\w*" (value|content)="\w+"', "", text)
        return answer.status_code, without_tokens

    assert refusal("bob") == refusal("nob")


@pytest.mark.parametrize(
    ("known", "unknown"), [("bob", "nob"), ("bob@example.com", "nob@example.com")]
)
def test_an_unknown_person_costs_as_many_hashes_as_a_wrong_password(
    people: Cast, settings: Any, known: str, unknown: str
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]

    def hashes(login: str) -> int:
        before = CountingHasher.calls
        sign_in(Client(), login, "wrong")
        return CountingHasher.calls - before

    assert hashes(known) == hashes(unknown) == 1


def test_a_disabled_person_does_not_get_in(people: Cast, client: Client) -> None:
    people.bob.is_active = False
    people.bob.save()
    sign_in(client, "bob", PASSWORD)
    assert "_auth_user_id" not in client.session


def test_guessing_is_stopped_but_not_for_other_addresses(people: Cast, client: Client) -> None:
    for _ in range(5):
        sign_in(client, "bob", "wrong")
    assert b"Too many" in sign_in(client, "bob", PASSWORD).content
    assert "_auth_user_id" not in client.session
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(elsewhere, "bob", PASSWORD).status_code == 302


def test_the_session_from_before_signing_in_is_worthless(people: Cast, client: Client) -> None:
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    sign_in(client, "bob", PASSWORD)
    assert client.session.session_key != before
    assert before is not None
    assert not client.session.exists(before)


def test_the_admin_has_no_sign_in_of_its_own(people: Cast, client: Client) -> None:
    answer = client.get("/admin/login/", {"next": "/admin/"})
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


def test_signing_out_names_the_session_whose_connections_end(
    people: Cast,
    client: Client,
    changes: list[RightsChange],
    django_capture_on_commit_callbacks: object,
) -> None:
    sign_in(client, "bob", PASSWORD)
    key = str(client.session.session_key)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        client.post(reverse("account_logout"))
    assert changes == [RightsChange(people.bob.pk, "signed_out", credential=key)]


@pytest.mark.django_db
def test_an_empty_installation_leads_from_sign_in_to_sign_up(client: Client) -> None:
    answer = client.get(reverse("account_login"))
    assert answer.status_code == 302
    assert answer["Location"] == reverse("account_signup")


@pytest.mark.django_db
@pytest.mark.parametrize("signup_open", [True, False])
def test_the_first_visitor_owns_the_installation(
    client: Client, settings: Any, signup_open: bool
) -> None:
    settings.SIGNUP_OPEN = signup_open
    assert client.get(reverse("account_signup")).context["first_visitor"]
    client.post(reverse("account_signup"), SIGN_UP)
    zoe = User.objects.get(username="zoe")
    assert (zoe.is_staff, zoe.is_superuser) == (True, True)
    assert client.session["_auth_user_id"] == str(zoe.pk)
    shared = Membership.objects.get(user=zoe, team__personal=False)
    assert (shared.team.name, shared.role) == ("Team", Role.OWNER)


def test_the_next_visitor_is_an_ordinary_person(
    people: Cast, client: Client, settings: Any
) -> None:
    settings.SIGNUP_OPEN = True
    client.post(reverse("account_signup"), SIGN_UP)
    zoe = User.objects.get(username="zoe")
    assert (zoe.is_staff, zoe.is_superuser) == (False, False)
    assert [m.team.personal for m in Membership.objects.filter(user=zoe)] == [True]


def test_closed_sign_up_takes_nobody(people: Cast, client: Client, settings: Any) -> None:
    settings.SIGNUP_OPEN = False
    assert b"Sign-up is closed" in client.get(reverse("account_signup")).content
    client.post(reverse("account_signup"), SIGN_UP)
    assert not User.objects.filter(username="zoe").exists()
    assert b"account_signup" not in client.get(reverse("account_login")).content
    assert reverse("account_signup").encode() not in client.get(reverse("account_login")).content


@pytest.mark.parametrize("address", ["192.0.2.1", "192.0.2.2"])
def test_a_name_that_differs_only_in_case_is_taken(
    people: Cast, settings: Any, address: str
) -> None:
    settings.SIGNUP_OPEN = True
    client = Client(REMOTE_ADDR=address)
    client.post(reverse("account_signup"), {**SIGN_UP, "username": "ALICE"})
    assert User.objects.filter(username__iexact="alice").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_first_visitors_at_once_one_becomes_owner(settings: Any) -> None:
    settings.SIGNUP_OPEN = False
    ready = threading.Barrier(2)

    def visit(name: str) -> None:
        try:
            ready.wait(timeout=10)
            form = {**SIGN_UP, "username": name, "email": f"{name}@example.com"}
            Client().post(reverse("account_signup"), form)
        finally:
            connection.close()

    visitors = [threading.Thread(target=visit, args=(name,)) for name in ("zoe", "yan")]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(timeout=60)
    assert User.objects.count() == 1
    assert User.objects.filter(is_superuser=True).count() == 1
