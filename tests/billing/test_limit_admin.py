"""Limits in the administration: set, changed, ended, listed with what is used up, exported."""

import csv
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Team, User
from billing.models import Budget, Limit, Period
from billing.money import usd_to_nano
from tests.billing.conftest import give, hold_for, settle_as
from tests.billing.limiting import a_period_passes, limited

ADD = "admin:billing_limit_add"
LIST = "admin:billing_limit_changelist"


@pytest.fixture
def admin(alice: User) -> Client:
    """Alice, who may do everything here."""
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client = Client()
    client.force_login(alice)
    return client


def form(**changes: Any) -> dict[str, Any]:
    empty = {"team": "", "person": "", "conversation_id": "", "zone": ""}
    given = {"scope": "installation", "period": "month", "amount_nano_usd": "2.5"}
    return empty | given | {"is_hard": "on", "warn_percents": "50,100"} | changes


def page(client: Client, name: str, *args: Any, **query: Any) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_a_person_gets_a_limit_in_a_team(admin: Client, team: Team, alice: User, bob: User) -> None:
    assert "Nobody is limited" in page(admin, LIST)
    assert "Nobody is limited" not in page(admin, LIST, q="bob")
    wanted = form(scope="person", team=team.pk, person=bob.pk, zone="Asia/Shanghai")
    assert admin.post(reverse(ADD), wanted).status_code == 302
    limit = Limit.objects.get()
    assert (limit.person, limit.period, limit.zone) == (bob, "month", "Asia/Shanghai")
    assert (limit.amount_nano_usd, limit.warn_percents) == (usd_to_nano("2.5"), "50,100")
    assert limit.created_by == alice
    assert AuditEntry.objects.get(action="limit_set").actor == "alice"
    assert "such a limit already" in admin.post(reverse(ADD), wanted).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("amount_nano_usd", "-1", "not negative"),
        ("amount_nano_usd", "1000001", "at most"),
        ("amount_nano_usd", "many", "not an amount"),
        ("amount_nano_usd", "", "required"),
        ("scope", "team", "names the team"),
        ("scope", "person", "names the person and the team"),
        ("zone", "Mars/Base", "time zone"),
        ("warn_percents", "a lot", "whole percentages"),
        ("conversation_id", "c0ffee", "valid UUID"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(
    admin: Client, field: str, value: str, reason: str
) -> None:
    refused = admin.post(reverse(ADD), form(**{field: value}))
    assert reason in refused.content.decode()
    assert "Constraint" not in refused.content.decode()
    assert not Limit.objects.exists()


def test_the_list_says_what_the_current_period_has_used_up(
    admin: Client, team: Team, alice: User, priced: str
) -> None:
    give(team, "5")
    limited("0.5", team, alice, period=Period.DAY, zone="Asia/Shanghai")
    hold_for(team, alice, "turn:1")
    hold_for(team, alice, "turn:2")
    settle_as("turn:1", 1000, 500)
    shown = page(admin, LIST, q="alice")
    for figure in ("USD 0.50", "USD 0.012", "USD 0.016", "USD 0.472", "Asia/Shanghai"):
        assert figure.replace(" ", "\N{NO-BREAK SPACE}", 1) in shown
    a_period_passes()
    shown = page(admin, LIST)
    assert "USD\N{NO-BREAK SPACE}0.472" not in shown
    assert shown.count("USD\N{NO-BREAK SPACE}0.50") == 2
    assert "0 limits" in page(admin, LIST, q="bob")


def test_a_limit_is_changed_from_the_current_period_on(
    admin: Client, team: Team, alice: User, priced: str
) -> None:
    give(team, "5")
    limit = limited("0.5", team, period=Period.WEEK)
    hold_for(team, alice)
    change = reverse("admin:billing_limit_change", args=[limit.pk])
    assert "Asia/Shanghai" not in admin.get(change).content.decode()
    changed = {"amount_nano_usd": "0.25", "warn_percents": "90", "zone": "Asia/Shanghai"}
    assert admin.post(change, changed).status_code == 302
    limit.refresh_from_db()
    assert (limit.amount_nano_usd, limit.is_hard) == (usd_to_nano("0.25"), False)
    assert (limit.warn_percents, limit.zone) == ("90", "")
    budget = Budget.objects.get(limit=limit)
    assert (budget.granted_nano_usd, budget.is_hard) == (usd_to_nano("0.25"), False)
    refused = admin.post(change, changed | {"amount_nano_usd": "-1"})
    assert "not negative" in refused.content.decode()
    assert AuditEntry.objects.get(action="limit_changed").actor == "alice"


def test_limits_are_ended_and_stay_as_they_were(admin: Client, team: Team) -> None:
    limits = [limited("1", team), limited("2")]
    chosen = {"action": "end_limits", "_selected_action": [each.pk for each in limits]}
    done = admin.post(reverse(LIST), chosen, follow=True)
    assert "2 limits have ended." in done.content.decode()
    assert not Limit.objects.filter(ended_at=None).exists()
    assert AuditEntry.objects.filter(action="limit_ended", actor="alice").count() == 2
    assert "0 limits have ended." in admin.post(reverse(LIST), chosen, follow=True).content.decode()
    change = reverse("admin:billing_limit_change", args=[limits[0].pk])
    shown = admin.get(change).content.decode()
    assert "USD\N{NO-BREAK SPACE}1.00" in shown
    assert "1000000000" not in shown
    assert 'name="amount_nano_usd"' not in shown
    assert admin.post(change, {"amount_nano_usd": "9"}).status_code == 403
    assert "0 limits" in page(admin, LIST, ended_at__isempty=1)
    assert "2 limits" in page(admin, LIST, ended_at__isempty=0)


def test_a_limit_is_not_deleted(admin: Client, team: Team) -> None:
    limit = limited("1", team)
    delete = reverse("admin:billing_limit_delete", args=[limit.pk])
    assert admin.post(delete, {"post": "yes"}).status_code == 403


def test_limits_are_exported(admin: Client, team: Team, bob: User) -> None:
    limited("1.5", team, bob)
    conversation = UUID(int=7)
    limited("2", team, conversation_id=conversation, period=Period.DAY, is_hard=False)
    body = admin.get(reverse("admin:billing_limit_export")).content.decode()
    hers, ours = sorted(csv.DictReader(StringIO(body)), key=lambda row: row["scope"], reverse=True)
    assert (hers["team"], hers["person"], hers["limit_usd"]) == ("Tram", "bob", "1.500000000")
    assert (ours["conversation_id"], ours["is_hard"]) == (str(conversation), "0")


def test_credit_is_listed_without_the_periods_of_limits(
    admin: Client, team: Team, alice: User, priced: str
) -> None:
    give(team, "5")
    limited("1", team, period=Period.DAY)
    hold_for(team, alice)
    assert "1 budget" in page(admin, "admin:billing_budget_changelist")
    period = Budget.objects.exclude(limit=None).get()
    change = reverse("admin:billing_budget_change", args=[period.pk])
    assert admin.post(change, {"credit_usd": "1", "soft_limit_percent": 1}).status_code == 302
    period.refresh_from_db()
    assert (period.granted_nano_usd, period.soft_limit_percent) == (usd_to_nano("1"), 80)


def test_staff_see_limits_and_set_them_with_the_right_to(
    team: Team, bob: User, admin: Client
) -> None:
    bob.is_staff = True
    bob.save()
    client = Client()
    client.force_login(bob)
    assert client.get(reverse(LIST)).status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="view_limit"))
    assert client.get(reverse(LIST)).status_code == 200
    assert client.post(reverse(ADD), form()).status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="add_limit"))
    assert client.post(reverse(ADD), form()).status_code == 302
