"""The relay's worked examples come out exactly, from the hold to what people read."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership, Team, User
from accounts.roles import Role
from billing.budgets import budget_of
from billing.money import usd_to_nano
from billing.overview import Filter, overview
from billing.statements import statement
from tests.billing.conftest import give, hold_for, set_prices, settle_as

TURNS = {"gpt-4.1": (1_000_000, 500_000), "deepseek-v3.2": (6_000_000, 4_000_000)}


@pytest.fixture
def settled(team: Team, alice: User) -> Team:
    """1,000,000 tokens in and 500,000 out of gpt-4.1, and ten million of deepseek-v3.2."""
    set_prices("gpt-4.1", "8.00", "60.00")
    set_prices("deepseek-v3.2", "0.42")
    give(team, "100")
    costs = {}
    for model, (tokens_in, tokens_out) in TURNS.items():
        hold_for(
            team,
            alice,
            f"turn:{model}",
            model=model,
            prompt_bytes=tokens_in,
            max_tokens=tokens_out,
        )
        costs[model] = settle_as(f"turn:{model}", tokens_in, tokens_out)
    gpt, deepseek = costs["gpt-4.1"], costs["deepseek-v3.2"]
    assert (gpt.cost_nano_usd, gpt.official_cost_nano_usd) == (12 * 10**9, 90 * 10**9)
    assert (gpt.relay_cost_nano_usd, gpt.overrun) == (12 * 10**9, False)
    assert deepseek.cost_nano_usd == usd_to_nano("4.20")
    assert deepseek.official_cost_nano_usd is None
    assert budget_of(team.pk).spent_nano_usd == usd_to_nano("16.20")
    return team


def test_the_overview_and_the_statement_have_them_to_the_last_unit(settled: Team) -> None:
    today = datetime.now(UTC).date()
    period = overview(Filter(days=1), today).period.now
    stated = statement(settled, today, "UTC")
    for figures in (period, stated.figures):
        assert figures.cost_nano_usd == usd_to_nano("16.20")
        assert figures.official_nano_usd == usd_to_nano("90")
        assert figures.saving_nano_usd == usd_to_nano("78")
        assert figures.saving_percent == Decimal("86.7")
    spent = {line.name: line.figures.cost_nano_usd for line in stated.models}
    assert spent == {"gpt-4.1": usd_to_nano("12"), "deepseek-v3.2": usd_to_nano("4.2")}


def test_people_read_them_so(settled: Team, alice: User) -> None:
    Membership.objects.create(team=settled, user=alice, role=Role.OWNER)
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client = Client()
    client.force_login(alice)
    pages = {
        "overview": client.get("/admin/"),
        "statement": client.get(reverse("statement", args=[settled.pk])),
    }
    for name, page in pages.items():
        text = page.content.decode().replace("\N{NO-BREAK SPACE}", " ")
        for figure in ("USD 12.00", "USD 4.20", "USD 16.20", "USD 78.00", "86.7 %"):
            assert figure in text, (name, figure)
