"""Every page about accounts renders, in Tram's frame, within the content policy."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry
from tests.people import PASSWORD, Cast

OPEN_PAGES = (
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
    "account_inactive",
    "account_email_verification_sent",
)
OWN_PAGES = (
    "account_logout",
    "account_change_password",
    "account_email",
    "account_reauthenticate",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "usersessions_list",
)
# A script that is not mere data, a handler, or a style in the markup: the policy stops them.
FORBIDDEN = re.compile(
    r"<script(?![^>]*(\ssrc=|type=\"application/json\"))[^>]*>|\son\w+=|\sstyle=|<style|javascript:"
)


@pytest.fixture
def bob(people: Cast) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def check(answer: Any) -> str:
    assert answer.status_code == 200
    text: str = answer.content.decode()
    assert 'class="brand"' in text
    assert text.count("<h1>") == 1
    assert not re.search(r"<title>\s*·", text), "a page needs a title"
    assert not FORBIDDEN.search(text)
    return text


@pytest.mark.parametrize("name", OPEN_PAGES)
def test_a_page_for_strangers_is_in_the_frame(people: Cast, settings: Any, name: str) -> None:
    settings.SIGNUP_OPEN = True
    check(Client().get(reverse(name)))


@pytest.mark.parametrize("name", OWN_PAGES)
def test_a_page_about_ones_account_is_in_the_frame(bob: Client, name: str) -> None:
    text = check(bob.get(reverse(name)))
    if name != "account_reauthenticate":
        assert 'class="account-nav"' in text


@pytest.mark.parametrize("name", OWN_PAGES[:-2])
def test_looking_at_a_page_changes_no_table(bob: Client, name: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        bob.get(reverse(name))
    written = [
        q["sql"]
        for q in queries
        if not q["sql"].startswith(("SELECT", "BEGIN", "SAVEPOINT", "RELEASE"))
    ]
    assert [sql for sql in written if "django_session" not in sql] == []


@pytest.mark.parametrize("name", OWN_PAGES[1:])
def test_a_page_about_ones_account_asks_a_stranger_to_sign_in(people: Cast, name: str) -> None:
    answer = Client().get(reverse(name))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


def test_the_pages_of_second_factors_work_through(people: Cast, bob: Client) -> None:
    check(bob.get(reverse("mfa_activate_totp")))
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    code = totp.format_hotp_value(totp.hotp_value(bob.session["mfa.totp.secret"], counter))
    bob.post(reverse("mfa_activate_totp"), {"code": code})
    assert Authenticator.objects.filter(user=people.bob, type="totp").exists()
    check(bob.get(reverse("mfa_view_recovery_codes")))
    check(bob.get(reverse("mfa_generate_recovery_codes")))
    check(bob.get(reverse("mfa_deactivate_totp")))
    stranger = Client()
    answer = stranger.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    assert answer["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in stranger.session
    check(stranger.get(reverse("mfa_authenticate")))


def test_a_wrong_field_says_so_beside_it(people: Cast, bob: Client) -> None:
    answer = bob.post(
        reverse("account_change_password"),
        {"oldpassword": "wrong", "password1": "a-new-pass-word", "password2": "a-new-pass-word"},
    )
    text = check(answer)
    assert "field-wrong" in text
    assert 'aria-invalid="true"' in text


def test_a_changed_password_keeps_this_session_and_is_recorded(people: Cast, bob: Client) -> None:
    elsewhere = Client()
    elsewhere.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    bob.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": "a-new-pass-word", "password2": "a-new-pass-word"},
    )
    assert bob.get(reverse("account_email")).status_code == 200
    assert elsewhere.get(reverse("account_email")).status_code == 302
    assert AuditEntry.objects.filter(action="password_renewed", actor="bob").count() == 1


def test_a_forgotten_password_is_renewed_by_mail(people: Cast) -> None:
    client = Client()
    answer = client.post(reverse("account_reset_password"), {"email": "bob@example.com"})
    assert answer["Location"] == reverse("account_reset_password_done")
    link = re.search(r"http://\S+", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link.group(), follow=True)
    check(form)
    page = form.request["PATH_INFO"]
    client.post(page, {"password1": "a-new-pass-word", "password2": "a-new-pass-word"})
    people.bob.refresh_from_db()
    assert people.bob.check_password("a-new-pass-word")
    check(Client().get(link.group()))


def test_a_forgotten_password_tells_no_stranger_who_has_an_account(people: Cast) -> None:
    known = Client().post(reverse("account_reset_password"), {"email": "bob@example.com"})
    unknown = Client().post(reverse("account_reset_password"), {"email": "nobody@example.com"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


def test_ending_the_other_sessions_ends_their_connections(
    people: Cast, bob: Client, changes: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    elsewhere = Client()
    elsewhere.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    key = elsewhere.session.session_key
    with django_capture_on_commit_callbacks(execute=True):
        bob.post(reverse("usersessions_list"))
    assert [(c.reason, c.credential) for c in changes] == [("signed_out", key)]
    assert elsewhere.get(reverse("account_email")).status_code == 302
    assert bob.get(reverse("account_email")).status_code == 200
