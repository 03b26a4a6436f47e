"""A hold reserves the worst case of a turn, in every budget above the person, or nothing."""

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from accounts.models import Team, User
from billing.budgets import budget_of, grant_credit
from billing.errors import BudgetExhausted, PriceUnknown, UsageInvalid
from billing.models import Hold, Transfer
from billing.money import usd_to_nano
from billing.verification import verify
from tests.billing.conftest import give, hold_for, set_prices, settle_as

# 1,000 bytes and 1,000 tokens at 8 USD per million.
WORST_CASE = usd_to_nano("0.016")


def test_a_hold_is_bytes_in_and_tokens_out_at_their_prices(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    placed = hold_for(team, alice)
    assert placed.amount_nano_usd == WORST_CASE
    assert placed.max_tokens == 1000
    budget = budget_of(team.pk)
    assert budget.held_nano_usd == WORST_CASE
    assert budget.remaining_nano_usd == usd_to_nano("1") - WORST_CASE
    assert budget.spent_nano_usd == 0


def test_an_answer_is_shortened_to_what_fits(team: Team, alice: User, priced: str) -> None:
    give(team, "0.012000007")
    placed = hold_for(team, alice)
    assert placed.max_tokens == 500
    assert placed.amount_nano_usd == usd_to_nano("0.012")


def test_an_answer_is_not_shortened_below_256_tokens(team: Team, alice: User, priced: str) -> None:
    needed = usd_to_nano("0.010048")
    give(team, "0.010047999")
    with pytest.raises(BudgetExhausted) as refusal:
        hold_for(team, alice)
    assert refusal.value.remaining_nano_usd == needed - 1
    assert refusal.value.needed_nano_usd == needed
    assert "USD 0.010047999 left, this message needs up to USD 0.010048." in str(refusal.value)
    assert not Hold.objects.exists()
    grant_credit(team_id=team.pk, amount_nano_usd=1)
    assert hold_for(team, alice).max_tokens == 256
    assert budget_of(team.pk).remaining_nano_usd == 0


def test_a_short_answer_that_fits_needs_no_more(team: Team, alice: User, priced: str) -> None:
    give(team, "0.000008")
    assert hold_for(team, alice, prompt_bytes=0, max_tokens=1).max_tokens == 1


def test_a_team_without_credit_is_refused(team: Team, alice: User, priced: str) -> None:
    with pytest.raises(BudgetExhausted) as refusal:
        hold_for(team, alice)
    assert refusal.value.remaining_nano_usd == 0


def test_one_team_cannot_spend_anothers_credit(
    team: Team, charlies_team: Team, alice: User, priced: str
) -> None:
    give(charlies_team, "5")
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice)
    assert budget_of(charlies_team.pk).held_nano_usd == 0


def test_a_model_without_a_price_is_refused(team: Team, alice: User) -> None:
    give(team, "5")
    with pytest.raises(PriceUnknown):
        hold_for(team, alice)


@pytest.mark.parametrize(("prompt_bytes", "max_tokens"), [(-1, 1), (1, 0), (1, 10**18)])
def test_absurd_figures_are_refused(
    team: Team, alice: User, priced: str, prompt_bytes: int, max_tokens: int
) -> None:
    give(team, "5")
    with pytest.raises(UsageInvalid):
        hold_for(team, alice, prompt_bytes=prompt_bytes, max_tokens=max_tokens)


def test_the_same_subject_is_held_once(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    first = hold_for(team, alice, "turn:1")
    assert hold_for(team, alice, "turn:1") == first
    assert budget_of(team.pk).held_nano_usd == first.amount_nano_usd
    assert Transfer.objects.filter(kind="hold").count() == 1


def test_a_repeated_hold_is_found_although_the_first_one_took_all_there_was(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "0.016")
    first = hold_for(team, alice, "turn:1")
    assert budget_of(team.pk).remaining_nano_usd == 0
    assert hold_for(team, alice, "turn:1") == first
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice, "turn:2")


def test_a_caller_that_rolls_back_holds_nothing(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    with transaction.atomic():
        hold_for(team, alice)
        transaction.set_rollback(True)
    assert budget_of(team.pk).held_nano_usd == 0
    assert not Transfer.objects.filter(kind="hold").exists()


def test_credit_taken_back_refuses_new_turns_and_lets_running_ones_finish(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "0.02")
    hold_for(team, alice, "turn:1")
    give(team, "-0.015")
    assert budget_of(team.pk).remaining_nano_usd == usd_to_nano("-0.011")
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice)
    assert settle_as("turn:1", 1000, 1000).cost_nano_usd == WORST_CASE


def test_a_free_model_needs_no_credit(team: Team, alice: User) -> None:
    set_prices("gpt-4.1", "0")
    assert hold_for(team, alice).amount_nano_usd == 0


def test_a_free_turn_of_a_team_without_credit_leaves_books_that_verify(
    team: Team, alice: User
) -> None:
    set_prices("free", "0")
    hold_for(team, alice, "turn:free", model="free")
    settle_as("turn:free", 10, 10)
    # The guards against deletion are off in the test database.
    assert {found.code for found in verify().differences} == {"guard_missing"}


def test_a_new_team_gets_its_signup_credit_once(db: None, settings: Any) -> None:
    settings.SIGNUP_CREDIT_USD = "5"
    newcomers = Team.objects.create(name="Newcomers")
    newcomers.save()
    assert budget_of(newcomers.pk).granted_nano_usd == usd_to_nano("5")


def test_a_grant_with_the_same_key_is_given_once(team: Team) -> None:
    for _ in range(2):
        grant_credit(team_id=team.pk, amount_nano_usd=7, idempotency_key="gift")
    assert budget_of(team.pk).granted_nano_usd == 7


@pytest.mark.parametrize("value", ["five", "0.0000000001", ""])
def test_a_signup_credit_that_is_no_amount_is_refused_at_the_start(
    settings: Any, value: str
) -> None:
    settings.SIGNUP_CREDIT_USD = value
    with pytest.raises(ImproperlyConfigured, match="SIGNUP_CREDIT_USD"):
        apps.get_app_config("billing").ready()
