"""Credit and prices in the administration: once for each form, and in the audit log."""

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Team, User
from billing.budgets import budget_of
from billing.models import Budget, Transfer
from billing.money import usd_to_nano
from tests.billing.conftest import give


@pytest.fixture
def admin(alice: User) -> Client:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    return signed_in(alice)


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def change(team: Team) -> str:
    """The page on which the team's credit is given."""
    give(team, "1")
    return reverse("admin:billing_budget_change", args=[Budget.objects.get(team=team).pk])


def granted(team: Team) -> int:
    return budget_of(team.pk).granted_nano_usd


def audited(action: str) -> list[dict[str, Any]]:
    return list(AuditEntry.objects.filter(action=action).values_list("detail", flat=True))


def test_a_form_that_is_sent_twice_gives_its_credit_once(
    admin: Client, team: Team, change: str
) -> None:
    opened = [admin.get(change).context["adminform"].form["once"].value() for _ in range(2)]
    assert opened[0] != opened[1]
    sent = {"soft_limit_percent": "80", "credit_usd": "3", "paid_cny": "2", "once": str(opened[0])}
    assert admin.post(change, sent).status_code == 302
    # Back in the browser, with another amount.
    again = admin.post(change, sent | {"credit_usd": "4"})
    assert "was sent before" in again.content.decode()
    assert granted(team) == usd_to_nano("6")
    assert admin.post(change, sent | {"once": str(opened[1])}).status_code == 302
    assert granted(team) == usd_to_nano("11")
    told = [(each["amount"], each["kind"]) for each in audited("credit_given")]
    assert sorted(told) == [("USD 2.00", "grant")] * 2 + [("USD 3.00", "grant")] * 2


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_give_credit_once(
    admin: Client, alice: User, team: Team, change: str
) -> None:
    sent = {"soft_limit_percent": "80", "credit_usd": "3", "once": str(uuid4())}
    start = threading.Barrier(2)

    def click(client: Client) -> None:
        start.wait(30)
        client.post(change, sent)
        connections.close_all()

    threads = [threading.Thread(target=click, args=[signed_in(alice)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert granted(team) == usd_to_nano("4")


def test_the_soft_limit_is_a_percentage_and_audited(admin: Client, team: Team, change: str) -> None:
    refused = admin.post(change, {"soft_limit_percent": "101"}).content.decode()
    assert "less than or equal to 100" in refused
    assert "Constraint" not in refused
    admin.post(change, {"soft_limit_percent": "70"})
    admin.post(change, {"soft_limit_percent": "70"})
    assert audited("soft_limit_set") == [{"percent": "70"}]
    assert Transfer.objects.count() == 1


def test_prices_markups_and_rates_are_audited(admin: Client, team: Team) -> None:
    figures = {"input_nano_usd_per_million": "8", "output_nano_usd_per_million": "9"}
    admin.post(reverse("admin:billing_priceversion_add"), {"model": "gpt-4.1"} | figures)
    (price,) = audited("price_set")
    assert price["input_nano_usd_per_million"] == "USD 8.00"
    admin.post(reverse("admin:billing_markup_add"), {"basis_points": "12.5", "team": str(team.pk)})
    (markup,) = audited("markup_set")
    assert (markup["percent"], markup["team"]) == ("12.5", "Tram")
    rate = {"currency": "CNY", "micro_units_per_usd": "7.2"}
    admin.post(reverse("admin:billing_exchangerate_add"), rate)
    assert [each["units"] for each in audited("rate_set")] == ["7.2"]
    book = SimpleUploadedFile("prices.csv", b"model,input_usd,output_usd\nm,1,1\nn,1,1\n")
    admin.post(reverse("admin:billing_priceversion_import"), {"file": book, "confirm": "1"})
    assert [each["added"] for each in audited("prices_imported")] == ["2"]
    assert set(AuditEntry.objects.filter(action__endswith="_set").values_list("actor")) == {
        ("alice",)
    }
