"""Top-ups: exact, by the installation's rule, once per payment."""

from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Team, User
from billing.apps import BillingConfig
from billing.budgets import budget_of
from billing.errors import AmountInvalid, TopUpRepeated
from billing.models import Budget, Transfer, TransferKind
from billing.money import usd_to_nano
from billing.topups import Currency, top_up
from tests.billing.conftest import give


def paid(team: Team, amount: str, currency: Currency = Currency.CNY, **more: Any) -> Transfer:
    return top_up(team_id=team.pk, amount=amount, currency=currency, **more)


def test_one_cny_is_one_usd_unless_the_installation_says_otherwise(
    team: Team, settings: Any
) -> None:
    assert paid(team, "50").amount_nano_usd == usd_to_nano("50")
    settings.TOPUP_USD_PER_CNY = "0.14"
    assert paid(team, "50.5").amount_nano_usd == usd_to_nano("7.07")
    assert paid(team, "50", Currency.USD).amount_nano_usd == usd_to_nano("50")
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("107.07")


def test_the_note_names_what_was_paid_and_the_rule(team: Team, alice: User, settings: Any) -> None:
    settings.TOPUP_USD_PER_CNY = "0.14"
    transfer = paid(team, "1500", note="invoice 7", person_id=alice.pk)
    assert transfer.note == "Top-up of CNY 1,500.00 at USD 0.14 for CNY 1; invoice 7"
    assert (transfer.kind, transfer.person) == (TransferKind.GRANT, alice)
    assert len(paid(team, "1", note="x" * 300).note) == 200
    assert paid(team, "3", Currency.USD).note == "Top-up of USD 3.00"


def test_a_payment_is_credited_once(team: Team, charlies_team: Team) -> None:
    first = paid(team, "50", idempotency_key="payment 1")
    assert paid(team, "50", idempotency_key="payment 1") == first
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("50")
    with pytest.raises(TopUpRepeated):
        paid(team, "51", idempotency_key="payment 1")
    with pytest.raises(TopUpRepeated):
        paid(charlies_team, "50", idempotency_key="payment 1")
    with pytest.raises(TopUpRepeated):
        paid(team, "50", idempotency_key="p" * 101)
    assert not Transfer.objects.filter(team=charlies_team).exists()


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("0", "more than zero"),
        ("-1", "more than zero"),
        ("fifty", "not an amount in CNY"),
        ("NaN", "not an amount in CNY"),
        ("1e999999999", "beyond"),
        ("0.0000000001", "more than nine decimal places"),
        ("0.00000001", "more than nine decimal places in USD"),
        ("10000000", "At most USD 1,000,000.00"),
    ],
)
def test_an_amount_that_is_not_exact_or_absurd_is_refused(
    team: Team, settings: Any, amount: str, reason: str
) -> None:
    settings.TOPUP_USD_PER_CNY = "0.14"
    with pytest.raises(AmountInvalid, match=reason):
        paid(team, amount)
    assert not Transfer.objects.exists()


@pytest.mark.parametrize("rate", ["0", "-1", "100.1", "x", "", "0.0000000001"])
def test_a_rule_that_makes_no_sense_ends_the_start(settings: Any, rate: str) -> None:
    settings.TOPUP_USD_PER_CNY = rate
    app = BillingConfig.create("billing")
    with pytest.raises(ImproperlyConfigured, match="TOPUP_USD_PER_CNY"):
        app.ready()


def test_the_command_tops_up(team: Team) -> None:
    out = StringIO()
    call_command("topup", "Tram", "50", "--currency=CNY", "--note=January", stdout=out)
    assert out.getvalue() == "Tram: USD 50.00; USD 50.00 left.\n"
    assert Transfer.objects.get().note.endswith("; January")
    with pytest.raises(CommandError, match="more than zero"):
        call_command("topup", "Tram", "0", stdout=out)
    with pytest.raises(CommandError, match="No team"):
        call_command("topup", "Train", "1", stdout=out)


def test_an_administrator_tops_up_in_her_own_name(team: Team, alice: User) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client = Client()
    client.force_login(alice)
    give(team, "1")
    change = reverse("admin:billing_budget_change", args=[Budget.objects.get(team=team).pk])
    form = {"paid_cny": "20", "credit_note": "invoice 7", "soft_limit_percent": "80"}
    assert client.post(change, form).status_code == 302
    transfer = Transfer.objects.latest("id")
    assert (transfer.amount_nano_usd, transfer.person) == (usd_to_nano("20"), alice)
    assert transfer.note == "Top-up of CNY 20.00 at USD 1.00 for CNY 1; invoice 7"
    refused = client.post(change, form | {"paid_cny": "-1"})
    assert "more than zero" in refused.content.decode()
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("21")
