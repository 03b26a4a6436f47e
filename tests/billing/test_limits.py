"""Limits bind at every level, each in its own period."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.errors import BudgetExhausted
from billing.models import Budget, HoldBudget, Limit, Period
from billing.money import usd_to_nano
from billing.room import room_of
from billing.verification import verify
from tests.billing.conftest import give, hold_for, settle_as
from tests.billing.limiting import a_period_passes, limited, newest

# 1,000 bytes and 1,000 tokens at 8 USD per million.
WORST_CASE = usd_to_nano("0.016")
CONVERSATION = uuid4()


def agrees() -> bool:
    # The guards against deletion are off in the test database.
    return {found.code for found in verify().differences} <= {"guard_missing"}


def test_every_budget_above_the_person_is_held_or_none(
    team: Team, alice: User, bob: User, priced: str
) -> None:
    give(team, "1")
    everybodys, teams, bobs = limited("1"), limited("1", team), limited("0.001", team, bob)
    with transaction.atomic(), pytest.raises(BudgetExhausted) as refusal:
        hold_for(team, bob)
    assert refusal.value.remaining_nano_usd == usd_to_nano("0.001")
    assert budget_of(team.pk).held_nano_usd == 0
    hold_for(team, alice, "turn:alice")
    assert newest(everybodys).held_nano_usd == newest(teams).held_nano_usd == WORST_CASE
    assert not Budget.objects.filter(limit=bobs).exists()
    settle_as("turn:alice", 10, 10)
    assert (newest(everybodys).held_nano_usd, newest(teams).posted_nano_usd) == (0, 160_000)
    assert agrees()


def test_a_conversations_limit_binds_that_conversation(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limit = limited("0.016", team, conversation_id=CONVERSATION)
    hold_for(team, alice, conversation_id=CONVERSATION)
    with pytest.raises(BudgetExhausted) as refusal:
        hold_for(team, alice, conversation_id=CONVERSATION)
    assert refusal.value.scope == "conversation"
    assert hold_for(team, alice).amount_nano_usd == WORST_CASE
    assert newest(limit).held_nano_usd == WORST_CASE


def test_a_limit_binds_nobody_else(
    team: Team, charlies_team: Team, alice: User, bob: User, priced: str
) -> None:
    for each in (team, charlies_team):
        give(each, "1")
    limited("0", team, bob)
    limited("0", charlies_team)
    assert hold_for(team, alice).max_tokens == 1000
    for payer in (team, charlies_team):
        with pytest.raises(BudgetExhausted):
            hold_for(payer, bob)


def test_an_answer_is_shortened_to_the_tightest_limit(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    limited("0.014")
    limited("0.012", team, alice, period=Period.DAY)
    assert hold_for(team, alice).max_tokens == 500


def test_a_refusal_names_the_tightest_budget_and_when_it_starts_afresh(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limited("0.005", team, period=Period.DAY)
    limited("0.002", team, alice, period=Period.MONTH)
    with pytest.raises(BudgetExhausted) as refusal:
        hold_for(team, alice)
    error = refusal.value
    today = datetime.now(UTC).date()
    first = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    assert (error.scope, error.period, error.next_start) == ("person", "month", first)
    assert str(error) == (
        "Your limit in Tram for this month has USD 0.002 left, this message needs up to "
        f"USD 0.010048. It starts afresh on {first.day} {first:%B}."
    )


def test_a_refusal_for_want_of_credit_says_so(team: Team, alice: User, priced: str) -> None:
    limited("5", team)
    with pytest.raises(BudgetExhausted) as refusal:
        hold_for(team, alice)
    assert (refusal.value.scope, refusal.value.next_start) == ("credit", None)
    assert str(refusal.value) == (
        "The credit of Tram has nothing left, this message needs up to USD 0.010048."
    )


def test_a_soft_limit_refuses_nothing_and_may_be_exceeded(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    soft = limited("0.02", team, is_hard=False)
    for number in range(3):
        assert hold_for(team, alice, f"turn:{number}").max_tokens == 1000
    assert newest(soft).remaining_nano_usd == usd_to_nano("-0.028")
    settle_as("turn:0", 1000, 1000)
    assert agrees()


def test_each_period_has_its_own_budget_and_a_turn_settles_in_the_one_it_was_held_in(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limits = [limited("0.016", team, period=period) for period in Period if period != "none"]
    hold_for(team, alice, "turn:late")
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice)
    a_period_passes()
    hold_for(team, alice, "turn:early")
    settle_as("turn:late", 10, 10)
    for limit in limits:
        late, early = Budget.objects.filter(limit=limit).order_by("period_start")
        assert (late.held_nano_usd, late.posted_nano_usd) == (0, 160_000)
        assert (early.held_nano_usd, early.posted_nano_usd) == (WORST_CASE, 0)
    assert HoldBudget.objects.filter(hold__subject="turn:late").count() == 4
    assert agrees()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Shanghai"])
def test_a_period_is_told_by_the_databases_clock_in_the_limits_zone(
    team: Team, alice: User, priced: str, zone: str
) -> None:
    give(team, "1")
    limit = limited("1", team, period=Period.DAY, zone=zone)
    before = datetime.now(ZoneInfo(zone)).date()
    hold_for(team, alice)
    assert before <= newest(limit).period_start <= datetime.now(ZoneInfo(zone)).date()  # type: ignore[operator]


def test_without_a_zone_the_installations_is_meant(
    team: Team, alice: User, priced: str, settings: object
) -> None:
    settings.BILLING_ZONE = "Pacific/Kiritimati"  # type: ignore[attr-defined]
    give(team, "1")
    limit = limited("1", period=Period.DAY)
    hold_for(team, alice)
    Limit.objects.filter(pk=limit.pk).update(zone="Etc/GMT+12")
    hold_for(team, alice)
    assert Budget.objects.filter(limit=limit).count() == 2


def test_a_clock_that_jumps_back_finds_the_earlier_period_again(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limit = limited("1", team, period=Period.DAY, zone="Pacific/Kiritimati")
    hold_for(team, alice, "turn:tomorrow")
    for zone in ("Etc/GMT+12", "Pacific/Kiritimati"):
        Limit.objects.filter(pk=limit.pk).update(zone=zone)
        hold_for(team, alice)
    settle_as("turn:tomorrow", 1, 1)
    earlier, later = Budget.objects.filter(limit=limit).order_by("period_start")
    assert (earlier.held_nano_usd, later.held_nano_usd) == (WORST_CASE, WORST_CASE)
    assert agrees()


def test_the_room_names_each_budget_with_what_is_left_and_opens_none(
    team: Team, alice: User, bob: User, priced: str
) -> None:
    give(team, "1")
    limited("0.5")
    limited("0.1", team, alice, period=Period.MONTH)
    limited("0.2", team, conversation_id=CONVERSATION, period=Period.DAY)
    limited("0.3", team, bob)
    with CaptureQueriesContext(connection) as statements:
        rooms = room_of(team.pk, alice.pk, CONVERSATION)
    assert len(statements) == 3
    assert Budget.objects.exclude(limit=None).count() == 0
    assert [(room.name, room.left_nano_usd) for room in rooms] == [
        ("The credit of Tram", usd_to_nano("1")),
        ("The limit of this installation", usd_to_nano("0.5")),
        ("Your limit in Tram for this month", usd_to_nano("0.1")),
        ("The limit of this conversation for today", usd_to_nano("0.2")),
    ]
    hold_for(team, alice)
    credit, everybodys, hers = room_of(team.pk, alice.pk)
    assert {room.held_nano_usd for room in (credit, everybodys, hers)} == {WORST_CASE}
    assert hers.left_nano_usd == usd_to_nano("0.084")
    assert hers.period_start is not None
    assert hers.next_start is not None
    assert hers.period_start.day == hers.next_start.day == 1
    assert (everybodys.period_start, everybodys.next_start) == (None, None)
