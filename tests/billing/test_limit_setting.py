"""Limits are set once for an owner and period, changed from now on, ended, and all is recorded."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import AuditEntry, Team, User
from accounts.services.audit import Actor
from billing.errors import AmountInvalid, BillingError, BudgetExhausted, LimitEnded, LimitExists
from billing.limit_setting import NewLimit, change_limit, end_limit, set_limit
from billing.models import Budget, Limit, LimitScope, Period
from billing.money import usd_to_nano
from billing.verification import verify
from tests.billing.conftest import give, hold_for, settle_as
from tests.billing.limiting import a_period_passes, limited, newest

WORST_CASE = usd_to_nano("0.016")


def test_a_lowered_limit_refuses_new_turns_and_lets_running_ones_finish(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limit = limited("0.1", team, period=Period.MONTH)
    hold_for(team, alice, "turn:1")
    change_limit(limit.pk, amount_nano_usd=usd_to_nano("0.005"))
    assert newest(limit).remaining_nano_usd == usd_to_nano("-0.011")
    with pytest.raises(BudgetExhausted, match="has nothing left"):
        hold_for(team, alice)
    assert settle_as("turn:1", 1000, 1000).cost_nano_usd == WORST_CASE
    assert newest(limit).posted_nano_usd == WORST_CASE
    assert {found.code for found in verify().differences} <= {"guard_missing"}


def test_a_raised_limit_lets_the_next_turn_through(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    limit = limited("0.016", team, alice)
    hold_for(team, alice)
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice)
    change_limit(limit.pk, amount_nano_usd=2 * WORST_CASE)
    assert hold_for(team, alice).max_tokens == 1000


def test_a_limit_made_soft_refuses_no_more_and_made_hard_again_does(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limit = limited("0", team)
    change_limit(limit.pk, is_hard=False)
    hold_for(team, alice)
    change_limit(limit.pk, is_hard=True)
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice)


def test_a_change_leaves_the_periods_that_are_over_as_they_were(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limit = limited("0.1", team, period=Period.DAY)
    hold_for(team, alice)
    a_period_passes()
    change_limit(limit.pk, amount_nano_usd=usd_to_nano("0.2"), is_hard=False)
    hold_for(team, alice)
    change_limit(limit.pk, amount_nano_usd=usd_to_nano("0.3"))
    over, now = Budget.objects.filter(limit=limit).order_by("period_start")
    assert (over.granted_nano_usd, over.is_hard) == (usd_to_nano("0.1"), True)
    assert (now.granted_nano_usd, now.is_hard) == (usd_to_nano("0.3"), False)


def test_an_ended_limit_binds_nothing_and_a_new_one_begins_anew(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    limit = limited("0.016", team)
    hold_for(team, alice, "turn:1")
    end_limit(limit.pk)
    assert hold_for(team, alice).max_tokens == 1000
    for late in (lambda: end_limit(limit.pk), lambda: change_limit(limit.pk, amount_nano_usd=1)):
        with pytest.raises(LimitEnded):
            late()
    again = limited("0.016", team)
    hold_for(team, alice)
    settle_as("turn:1", 10, 10)
    assert (newest(limit).posted_nano_usd, newest(again).held_nano_usd) == (160_000, WORST_CASE)


def test_one_limit_of_an_owner_and_period_is_in_force(team: Team, alice: User, bob: User) -> None:
    limited("1", team, alice)
    with pytest.raises(LimitExists):
        limited("2", team, alice)
    limited("1", team, alice, period=Period.DAY)
    limited("1", team, bob)
    limited("1", team)
    limited("1")
    assert Limit.objects.count() == 5


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_nano_usd": -1}, "amount_invalid"),
        ({"amount_nano_usd": 10**15 + 1}, "amount_invalid"),
        ({"zone": "Europe/Atlantis"}, "zone_unknown"),
        ({"zone": "../../etc/passwd"}, "zone_unknown"),
        ({"zone": "Asia"}, "zone_unknown"),
        ({"warn_percents": "80;100"}, "limit_invalid"),
        ({"warn_percents": "0"}, "limit_invalid"),
        ({"warn_percents": "101"}, "limit_invalid"),
        ({"warn_percents": ",".join(map(str, range(1, 20)))}, "limit_invalid"),
        ({"person_id": 1}, "limit_invalid"),
        ({"conversation_id": uuid4()}, "limit_invalid"),
        ({"scope": LimitScope.INSTALLATION}, "limit_invalid"),
        ({"scope": LimitScope.PERSON}, "limit_invalid"),
        ({"scope": LimitScope.CONVERSATION}, "limit_invalid"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(
    team: Team, changes: dict[str, Any], code: str
) -> None:
    facts: dict[str, Any] = {"scope": LimitScope.TEAM, "amount_nano_usd": 1, "team_id": team.pk}
    with pytest.raises(BillingError) as refusal:
        set_limit(NewLimit(**facts | changes))
    assert refusal.value.code == code
    assert not Limit.objects.exists()


def test_a_change_that_makes_no_sense_changes_nothing(team: Team) -> None:
    limit = limited("1", team)
    with pytest.raises(AmountInvalid):
        change_limit(limit.pk, amount_nano_usd=-1, is_hard=False)
    limit.refresh_from_db()
    assert (limit.amount_nano_usd, limit.is_hard) == (usd_to_nano("1"), True)


def test_percentages_are_kept_in_order_and_once(team: Team) -> None:
    assert limited("1", team, warn_percents=" 100, 50,80,,50").warn_percents == "50,80,100"
    assert limited("1", warn_percents="").warn_percents == ""


def test_who_set_changed_and_ended_a_limit_is_recorded(team: Team, alice: User) -> None:
    actor = Actor(alice.pk, alice.username)
    new = NewLimit(LimitScope.TEAM, usd_to_nano("1"), team.pk, period=Period.MONTH)
    limit = set_limit(new, actor=actor)
    assert limit.created_by == alice
    change_limit(limit.pk, amount_nano_usd=usd_to_nano("2"), actor=actor)
    change_limit(limit.pk, amount_nano_usd=usd_to_nano("2"), actor=actor)
    end_limit(limit.pk)
    ended, changed, made = AuditEntry.objects.filter(object_kind="billing.limit")
    assert [each.action for each in (made, changed, ended)] == [
        "limit_set",
        "limit_changed",
        "limit_ended",
    ]
    assert (made.actor, changed.actor, ended.actor) == ("alice", "alice", "")
    assert made.detail["amount"] == "USD 1.00"
    assert (changed.detail["old_amount"], changed.detail["amount"]) == ("USD 1.00", "USD 2.00")
    assert made.object_name == "Tram"


def test_the_books_of_limits_are_rebuilt(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    limits = [limited("1", team, alice, period=Period.DAY), limited("0.001", is_hard=False)]
    for subject in ("turn:1", "turn:2"):
        hold_for(team, alice, subject)
    settle_as("turn:1", 10, 10)
    right = list(Budget.objects.order_by("id").values())
    Budget.objects.filter(limit__in=limits).update(held_nano_usd=7, posted_nano_usd=8)
    Budget.objects.filter(limit=limits[1]).update(granted_nano_usd=9, is_hard=True)
    found = [each for each in verify().differences if each.code == "budget"]
    assert len(found) == 6
    assert {each.code for each in verify(rebuild=True).differences} <= {"guard_missing"}
    assert list(Budget.objects.order_by("id").values()) == right
