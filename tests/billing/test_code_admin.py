"""Codes and alerts in the administration."""

import csv
from io import StringIO
from urllib.parse import unquote
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Team, User
from accounts.services.audit import Actor
from billing.codes import make_codes, redeem
from billing.models import Code
from billing.money import usd_to_nano
from tests.billing.conftest import give, hold_for

ADD = "/admin/billing/code/add/"
LIST = "/admin/billing/code/"


@pytest.fixture
def admin(alice: User) -> Client:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client = Client()
    client.force_login(alice)
    return client


def form(**changed: str) -> dict[str, str]:
    given = {"count": "3", "amount": "2.5", "note": "fair", "expires_at": "2199-01-01T12:00"}
    return given | {"once": str(uuid4())} | changed


def shown_codes(text: str) -> list[str]:
    return text.partition('<pre class="codes">')[2].partition("</pre>")[0].split()


def test_codes_are_shown_once_and_can_be_saved(admin: Client, team: Team, alice: User) -> None:
    assert 'name="count"' in admin.get(ADD).content.decode()
    sent = form()
    answer = admin.post(ADD, sent)
    texts = shown_codes(answer.content.decode())
    assert len(texts) == 3
    assert "no-store" in answer.headers["Cache-Control"]
    file = answer.content.decode().partition('href="data:text/plain;charset=utf-8,')[2]
    assert unquote(file.partition('"')[0]).split("\n") == texts
    code = Code.objects.first()
    assert code is not None
    assert (code.amount_nano_usd, code.note, code.created_by) == (usd_to_nano("2.5"), "fair", alice)
    assert str(code.expires_at) == "2199-01-01 12:00:00+00:00"
    # Reloading the page sends the form again.
    again = admin.post(ADD, sent, follow=True).content.decode()
    assert "shown already" in again
    assert Code.objects.count() == 3
    for page in (again, admin.get(f"{LIST}{code.pk}/change/").content.decode()):
        assert not any(text in page for text in texts)
        assert code.digest not in page
    redeem(texts[0], team_id=team.pk, actor=Actor(alice.pk, "alice"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"count": "0"}, "greater than or equal to 1"),
        ({"count": "501"}, "less than or equal to 500"),
        ({"amount": "0"}, "more than zero"),
        ({"amount": "x"}, "not an amount"),
        ({"amount": "0.0000000001"}, "nine decimal places"),
        ({"amount": "1000001"}, "At most USD 1,000,000.00"),
        ({"expires_at": "2020-01-01T12:00"}, "before it is made"),
    ],
)
def test_codes_that_make_no_sense_are_refused(
    admin: Client, changed: dict[str, str], reason: str
) -> None:
    sent = form(**changed)
    assert reason in admin.post(ADD, sent).content.decode()
    assert not Code.objects.exists()
    assert len(shown_codes(admin.post(ADD, form(once=sent["once"])).content.decode())) == 3


def test_the_list_shows_ends_and_states_and_revokes(admin: Client, team: Team, alice: User) -> None:
    new = make_codes(count=2, amount_nano_usd=1)
    redeem(new.texts[0], team_id=team.pk, actor=Actor(alice.pk, "alice"))
    chosen = {"action": "revoke", "_selected_action": [code.pk for code in new.rows]}
    answer = admin.post(LIST, chosen, follow=True).content.decode()
    assert "1 code revoked." in answer
    for words in (f"…{new.texts[0][-4:]}", "redeemed", "revoked", "Tram"):
        assert words in answer
    assert AuditEntry.objects.filter(action="code_revoked", actor="alice").count() == 1
    change = reverse("admin:billing_code_change", args=[new.rows[1].pk])
    assert admin.post(change, {"amount_nano_usd": "9"}).status_code == 403
    assert admin.post(f"{LIST}{new.rows[1].pk}/delete/").status_code == 403


def test_an_export_and_a_filter_tell_no_code(admin: Client) -> None:
    new = make_codes(count=2, amount_nano_usd=usd_to_nano("3"))
    exported = admin.get(reverse("admin:billing_code_export")).content.decode()
    rows = list(csv.DictReader(StringIO(exported)))
    assert {row["amount_usd"] for row in rows} == {"3.000000000"}
    assert {row["hint"] for row in rows} == {text[-4:] for text in new.texts}
    assert new.rows[0].digest not in exported
    # A filter on the digest would tell it bit by bit.
    assert admin.get(LIST, {"digest__startswith": "a"}).status_code == 400


def test_who_may_only_look_makes_and_revokes_nothing(team: Team, bob: User) -> None:
    bob.is_staff = True
    bob.save()
    bob.user_permissions.add(Permission.objects.get(codename="view_code"))
    client, code = Client(), make_codes(count=1, amount_nano_usd=1).rows[0]
    client.force_login(bob)
    assert client.get(LIST).status_code == 200
    assert client.get(ADD).status_code == client.post(ADD, form()).status_code == 403
    client.post(LIST, {"action": "revoke", "_selected_action": [code.pk]})
    code.refresh_from_db()
    assert code.revoked_at is None
    assert Code.objects.count() == 1


def test_alerts_are_listed_and_exported(
    admin: Client, team: Team, alice: User, priced: str
) -> None:
    give(team, "0.016")
    hold_for(team, alice)
    listed = admin.get("/admin/billing/spendalert/", {"q": "Tram"}).content.decode()
    assert "2 spend alerts" in listed
    rows = list(
        csv.DictReader(StringIO(admin.get("/admin/billing/spendalert/export/").content.decode()))
    )
    assert {(row["team"], row["percent"]) for row in rows} == {("Tram", "80"), ("Tram", "100")}
    assert admin.get("/admin/billing/spendalert/add/").status_code == 403
