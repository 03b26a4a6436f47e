"""The ledger in the administration: read, filtered, exported; never edited."""

import csv
import re
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import Team, User
from billing.admin.exports import neutralised
from billing.budgets import budget_of
from billing.formatting import exact_usd
from billing.models import Budget, PriceVersion, Transfer
from billing.money import usd_to_nano
from billing.verification import verify
from tests.billing.conftest import give, hold_for, settle_as

TABLES = ("settlement", "transfer", "account", "budget", "priceversion")


@pytest.fixture
def admin(alice: User) -> Client:
    """Alice, who may do everything here."""
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def usage(team: Team, alice: User, bob: User, priced: str) -> Team:
    """Three settled turns."""
    give(team, "5")
    for person, subject, outcome in (
        (alice, "turn:1", "completed"),
        (bob, "turn:2", "failed"),
        (bob, "turn:3", "interrupted"),
    ):
        hold_for(team, person, subject)
        settle_as(subject, 100, 200, outcome=outcome)
    return team


def page(client: Client, name: str, **query: Any) -> str:
    response = client.get(reverse(f"admin:{name}"), query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("table", TABLES)
def test_every_list_opens_and_searches(admin: Client, usage: Team, table: str) -> None:
    assert "no-such-thing" in page(admin, f"billing_{table}_changelist", q="no-such-thing")
    assert "result_list" in page(admin, f"billing_{table}_changelist")


@pytest.mark.parametrize("table", ["settlement", "transfer", "account", "priceversion"])
def test_a_row_shows_its_amounts_as_people_read_them(
    admin: Client, usage: Team, table: str
) -> None:
    row = apps.get_model("billing", table).objects.last()
    shown = admin.get(reverse(f"admin:billing_{table}_change", args=[row.pk])).content.decode()
    amounts = [name for name in vars(row) if "_nano_usd" in name and getattr(row, name)]
    assert amounts
    for name in amounts:
        assert exact_usd(getattr(row, name)) in shown
        assert f">{getattr(row, name)}<" not in shown


def test_usage_is_filtered_and_its_total_shown(admin: Client, usage: Team, bob: User) -> None:
    everything = page(admin, "billing_settlement_changelist")
    assert re.search(r"3 turns shown, in all <strong>USD\s0.0072</strong>", everything)
    bobs = page(admin, "billing_settlement_changelist", person__id__exact=bob.pk)
    assert "2 turns shown" in bobs
    assert "1 turn shown" in page(admin, "billing_settlement_changelist", failed=1)
    assert "2 turns shown" in page(admin, "billing_settlement_changelist", failed=0)
    assert "0 turns shown" in page(admin, "billing_settlement_changelist", day__gte="2199-01-01")


def test_the_ledger_says_why_it_is_read_only_and_is(admin: Client, usage: Team) -> None:
    assert "The ledger is read-only" in page(admin, "billing_transfer_changelist")
    transfer = Transfer.objects.earliest("id")
    change = reverse("admin:billing_transfer_change", args=[transfer.pk])
    assert 'name="amount_nano_usd"' not in admin.get(change).content.decode()
    assert admin.post(change, {"amount_nano_usd": 1}).status_code == 403
    assert admin.get(reverse("admin:billing_transfer_add")).status_code == 403
    delete = reverse("admin:billing_transfer_delete", args=[transfer.pk])
    assert admin.post(delete, {"post": "yes"}).status_code == 403
    assert verify().transfers == 10


def test_a_price_is_added_and_never_edited(admin: Client, usage: Team, alice: User) -> None:
    form = {
        "model": "gpt-4.1",
        "input_nano_usd_per_million": "0.42",
        "output_nano_usd_per_million": "0.42",
        "official_input_nano_usd_per_million": "1.20",
        "official_output_nano_usd_per_million": "1.20",
        "starts_at_0": "2199-01-01",
        "starts_at_1": "00:00",
    }
    add = reverse("admin:billing_priceversion_add")
    assert admin.post(add, form).status_code == 302
    added = PriceVersion.objects.get(starts_at__year=2199)
    assert added.input_nano_usd_per_million == usd_to_nano("0.42")
    assert added.created_by == alice
    change = reverse("admin:billing_priceversion_change", args=[added.pk])
    assert admin.post(change, form).status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("input_nano_usd_per_million", "eight", "not an amount"),
        ("input_nano_usd_per_million", "0.0000000001", "nine decimal places"),
        ("input_nano_usd_per_million", "-1", "not negative"),
        ("input_nano_usd_per_million", "", "required"),
        ("official_input_nano_usd_per_million", "60", "input and an output"),
        ("starts_at_0", "2020-01-01", "priced already"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(
    admin: Client, usage: Team, field: str, value: str, reason: str
) -> None:
    form = {
        "model": "gpt-4.1",
        "input_nano_usd_per_million": "0",
        "output_nano_usd_per_million": "0",
        "starts_at_0": "",
        "starts_at_1": "00:00" if field == "starts_at_0" else "",
    } | {field: value}
    response = admin.post(reverse("admin:billing_priceversion_add"), form)
    assert reason in response.content.decode()
    assert PriceVersion.objects.count() == 1


def test_credit_is_given_through_the_ledger_in_ones_own_name(
    admin: Client, usage: Team, alice: User
) -> None:
    budget = Budget.objects.get(team=usage)
    change = reverse("admin:billing_budget_change", args=[budget.pk])
    form = {"credit_usd": "2.5", "soft_limit_percent": "70"}
    assert admin.post(change, form).status_code == 302
    view = budget_of(usage.pk)
    assert (view.granted_nano_usd, view.soft_limit_percent) == (usd_to_nano("7.5"), 70)
    assert view.spent_nano_usd == 7_200_000
    assert Transfer.objects.latest("id").person == alice
    assert admin.post(change, form | {"credit_usd": "x"}).status_code == 200
    assert admin.post(change, form | {"credit_usd": "9000000000"}).status_code == 200
    assert {d.code for d in verify().differences} == {"guard_missing"}


def test_a_team_gets_its_budget_once(admin: Client, usage: Team, charlies_team: Team) -> None:
    add = reverse("admin:billing_budget_add")
    form = {"team": charlies_team.pk, "credit_usd": "0.5", "soft_limit_percent": "80"}
    assert admin.post(add, form).status_code == 302
    assert budget_of(charlies_team.pk).granted_nano_usd == usd_to_nano("0.5")
    assert "exists already" in admin.post(add, form).content.decode()
    assert "Choose the team" in admin.post(add, form | {"team": ""}).content.decode()


@pytest.mark.parametrize("table", TABLES)
def test_every_list_is_exported_as_csv(admin: Client, usage: Team, table: str) -> None:
    response = admin.get(reverse(f"admin:billing_{table}_export"))
    assert response.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(StringIO(response.content.decode())))
    assert len(rows) > 1


def test_an_export_follows_the_filters_and_keeps_money_exact(
    admin: Client, usage: Team, bob: User
) -> None:
    address = reverse("admin:billing_settlement_export")
    response = admin.get(address, {"person__id__exact": bob.pk})
    rows = list(csv.DictReader(StringIO(response.content.decode())))
    assert {row["subject"] for row in rows} == {"turn:2", "turn:3"}
    assert {row["cost_usd"] for row in rows} == {"0.002400000"}
    assert {row["official_cost_usd"] for row in rows} == {"0.018000000"}


def test_cells_of_an_export_are_never_formulas(
    admin: Client, usage: Team, alice: User, priced: str
) -> None:
    evil = '=HYPERLINK("http://evil.example","x")'
    Team.objects.filter(pk=usage.pk).update(name=evil)
    body = admin.get(reverse("admin:billing_settlement_export")).content.decode()
    rows = list(csv.DictReader(StringIO(body)))
    assert {row["team"] for row in rows} == {f"'{evil}"}


@pytest.mark.parametrize("cell", ["=1", "+1+1", "-cmd", "@SUM(1)", "\tx", " =1", "＝1"])
def test_a_formula_is_neutralised(cell: str) -> None:
    assert neutralised(cell) == f"'{cell}"


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("\t=1", "'\t'=1"),
        ("a; +1", "a; '+1"),
        ('a";@SUM(1)', "a\";'@SUM(1)"),
        ("a\n=1", "a\n'=1"),
        ("a\t-cmd", "a\t'-cmd"),
        ("=a;=b", "'=a;'=b"),
    ],
)
def test_a_formula_behind_another_separator_is_neutralised(cell: str, safe: str) -> None:
    assert neutralised(cell) == safe


@pytest.mark.parametrize(
    "cell", ["gpt-4.1", "a, -b", "x; y", "-1.50", "+3", "12", "", "Alice", 7, None]
)
def test_text_and_numbers_stay_as_they_are(cell: object) -> None:
    assert neutralised(cell) == cell


def test_staff_without_the_right_sees_no_money(usage: Team, bob: User) -> None:
    bob.is_staff = True
    bob.save()
    client = Client()
    client.force_login(bob)
    assert "By team" not in client.get(reverse("admin:index")).content.decode()
    for action in ("changelist", "export"):
        assert client.get(reverse(f"admin:billing_settlement_{action}")).status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="view_settlement"))
    assert "By team" in client.get(reverse("admin:index")).content.decode()
    assert client.get(reverse("admin:billing_settlement_export")).status_code == 200
    assert client.get(reverse("admin:billing_transfer_export")).status_code == 403


def test_strangers_see_no_page_of_it(db: None, bob: User) -> None:
    client = Client()
    client.force_login(bob)
    for table in TABLES:
        assert client.get(reverse(f"admin:billing_{table}_changelist")).status_code in (302, 403)
