"""Prices and credit from the command line."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.demo import seed_demo_billing
from billing.holds import MAX_TOKENS_OF_A_TURN
from billing.models import PriceVersion
from billing.money import usd_to_nano
from billing.prices import price_list, price_of
from tests.billing.conftest import give, hold_for, settle_as

PAIR = ("--input", "8", "--output", "8")


def run(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_a_price_is_set_from_now(db: None) -> None:
    said = run("setprice", "gpt-4.1", *PAIR, "--official-input", "60", "--official-output", "60")
    assert said.startswith("gpt-4.1: USD 8.00 in, USD 8.00 out, per million tokens, from ")
    view = price_list()["gpt-4.1"]
    assert view.input_nano_usd_per_million == usd_to_nano("8")
    assert view.saving_percent == Decimal("86.7")


def test_a_price_from_a_date_waits_for_it(db: None) -> None:
    run("setprice", "gpt-4.1", *PAIR)
    run("setprice", "gpt-4.1", "--input", "1", "--output", "1", "--from", "2199-01-01")
    assert price_of("gpt-4.1").input_nano_usd_per_million == usd_to_nano("8")
    later = PriceVersion.objects.get(starts_at__year=2199).starts_at
    assert price_of("gpt-4.1", at=later).input_nano_usd_per_million == usd_to_nano("1")
    assert price_list()["gpt-4.1"].input_nano_usd_per_million == usd_to_nano("8")


def test_a_later_price_set_in_the_same_second_counts(db: None) -> None:
    run("setprice", "gpt-4.1", *PAIR)
    run("setprice", "gpt-4.1", "--input", "7", "--output", "7")
    assert price_of("gpt-4.1").input_nano_usd_per_million == usd_to_nano("7")


def test_a_price_may_start_before_now_but_not_before_a_priced_turn(team: Team, alice: User) -> None:
    run("setprice", "gpt-4.1", *PAIR, "--from", "2026-01-01")
    give(team, "1")
    hold_for(team, alice)
    with pytest.raises(CommandError, match="priced already"):
        run("setprice", "gpt-4.1", *PAIR, "--from", "2026-01-01")
    run("setprice", "gpt-4.1", *PAIR)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("gpt", "--input", "0.0000000001", "--output", "1"), "nine decimal places"),
        (("gpt", "--input", "-1", "--output", "1"), "not negative"),
        (("gpt", "--input", "x", "--output", "1"), "not an amount"),
        (("gpt", *PAIR, "--official-input", "60"), "input and an output"),
        (("gpt", *PAIR, "--from", "tomorrow"), "not a date"),
        (("gpt", *PAIR, "--from", "9999-12-31T23:59:59-12:00"), "not a date"),
        ((" gpt", *PAIR), "1 to 200 characters"),
        (("gpt", "--input", "10000.01", "--output", "1"), "at most USD 10,000.00"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(
    db: None, command: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        run("setprice", *command)
    assert not PriceVersion.objects.exists()


def test_credit_is_granted_by_name_or_id(team: Team) -> None:
    assert run("grantcredit", "Tram", "5") == "Tram: USD 5.00; USD 5.00 left.\n"
    assert run("grantcredit", str(team.pk), "0.5") == "Tram: USD 0.50; USD 5.50 left.\n"
    assert run("grantcredit", "Tram", "-1") == "Tram: -USD 1.00; USD 4.50 left.\n"
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("4.5")


@pytest.mark.parametrize("usd", ["1000000.01", "-1000000.01", "9223372036.854775807"])
def test_credit_of_an_absurd_size_is_refused(team: Team, usd: str) -> None:
    run("grantcredit", "Tram", "1000000")
    with pytest.raises(CommandError, match="At most USD 1,000,000"):
        run("grantcredit", "Tram", "--", usd)
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("1000000")


def test_the_dearest_turn_there_can_be_is_settled(team: Team, alice: User) -> None:
    run("setprice", "gpt-4.1", "--input", "10000", "--output", "10000")
    run("grantcredit", "Tram", "1000000")
    hold_for(team, alice, "turn:1")
    settled = settle_as("turn:1", MAX_TOKENS_OF_A_TURN, MAX_TOKENS_OF_A_TURN)
    assert settled.overrun
    assert settled.cost_nano_usd == usd_to_nano("20000000")


def test_an_unknown_or_ambiguous_team_gets_nothing(team: Team) -> None:
    with pytest.raises(CommandError, match="No team"):
        run("grantcredit", "Train", "5")
    twin = Team.objects.create(name="Tram")
    with pytest.raises(CommandError, match=f"{team.pk}|{twin.pk}"):
        run("grantcredit", "Tram", "5")
    with pytest.raises(CommandError, match="Zero"):
        run("grantcredit", str(team.pk), "0")


def test_seeding_twice_is_seeding_once(team: Team) -> None:
    for _ in range(2):
        seed_demo_billing([team.pk])
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("5")
    prices = price_list()
    assert PriceVersion.objects.count() == len(prices)
    assert prices["deepseek-v3.2"].input_nano_usd_per_million == usd_to_nano("0.42")
    assert prices["claude-sonnet-4.5"].official_output_nano_usd_per_million == usd_to_nano("90")
    assert prices["smollm2-135m"].saving_percent is None
    assert "gpt-4o" not in prices
