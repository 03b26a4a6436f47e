"""A share of a budget that is reached is noticed once, with the hold or settlement itself."""

import threading
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from billing.errors import BudgetExhausted
from billing.limit_setting import NewLimit, change_limit, set_limit
from billing.models import Budget, Limit, LimitScope, SpendAlert
from billing.money import usd_to_nano
from billing.spend_alerts import percents_in
from tests.billing.conftest import give, hold_for, settle_as

HOLD = usd_to_nano("0.016")
"""What `hold_for` holds at the price of the worked example."""


def told() -> list[tuple[int, int]]:
    return list(SpendAlert.objects.order_by("id").values_list("percent", "bound_nano_usd"))


def test_the_soft_limit_and_the_end_of_a_credit_are_noticed_once_each(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "0.08")
    for _ in range(3):
        hold_for(team, alice)
    assert told() == []
    hold_for(team, alice)
    assert told() == [(80, 5 * HOLD)]
    alert = SpendAlert.objects.get()
    assert (alert.used_nano_usd, alert.budget.team) == (4 * HOLD, team)
    hold_for(team, alice, "turn:5")
    assert told() == [(80, 5 * HOLD), (100, 5 * HOLD)]
    settle_as("turn:5", 0, 0)
    hold_for(team, alice)
    assert len(told()) == 2


def test_more_credit_is_another_bound(team: Team, alice: User, priced: str) -> None:
    give(team, "0.02")
    hold_for(team, alice)
    give(team, "0.02")
    hold_for(team, alice)
    assert told() == [(80, usd_to_nano("0.02")), (80, usd_to_nano("0.04"))]


def test_a_settlement_beyond_its_hold_is_noticed(team: Team, alice: User, priced: str) -> None:
    give(team, "0.08")
    hold_for(team, alice, "turn:1")
    settle_as("turn:1", 4000, 4000)
    assert told() == [(80, 5 * HOLD)]


def test_a_hold_shortened_to_what_is_left_counts_as_all(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1.000001")
    placed = hold_for(team, alice, max_tokens=10**6)
    assert placed.amount_nano_usd < usd_to_nano("1.000001")
    assert [percent for percent, _bound in told()] == [80, 100]


def test_what_is_refused_or_rolled_back_leaves_no_alert(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "0.01")
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice, max_tokens=10**6, prompt_bytes=10**6)
    give(team, "0.01")

    class Undone(Exception):
        pass

    def hold_and_fail() -> None:
        with transaction.atomic():
            hold_for(team, alice)
            assert len(told()) == 1
            raise Undone

    with pytest.raises(Undone):
        hold_and_fail()
    assert told() == []


def test_far_from_every_share_nothing_is_asked(team: Team, alice: User, priced: str) -> None:
    give(team, "100")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        hold_for(team, alice, "turn:1")
        settle_as("turn:1", 1, 1)
    assert not [each for each in queries if "spendalert" in each["sql"]]


@pytest.mark.parametrize(("warned", "percents"), [("50, 80", [50, 80]), ("", []), ("10", [10])])
def test_a_limit_warns_at_its_own_shares(
    team: Team, alice: User, priced: str, warned: str, percents: list[int]
) -> None:
    give(team, "100")
    limit = limited(team, "0.02", warn_percents=warned)
    hold_for(team, alice)
    alerts = SpendAlert.objects.order_by("percent")
    assert [each.percent for each in alerts] == percents
    assert {each.budget.limit for each in alerts} <= {limit}


def test_a_soft_limit_is_full_at_its_bound_and_not_before(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "100")
    limited(team, "0.016001", is_hard=False)
    hold_for(team, alice)
    assert [percent for percent, _bound in told()] == [80]
    hold_for(team, alice)
    assert [percent for percent, _bound in told()] == [80, 100]


def test_a_limit_lowered_below_what_is_used_is_noticed_at_the_next_turn(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "100")
    limit = limited(team, "100", is_hard=False)
    hold_for(team, alice)
    change_limit(limit.pk, amount_nano_usd=HOLD, is_hard=False, warn_percents="80,100")
    assert told() == []
    hold_for(team, alice)
    assert told() == [(80, HOLD), (100, HOLD)]


@pytest.mark.parametrize(
    ("text", "percents"),
    [("80,100", {80, 100}), (" 5 ,, x, -1, 0, 1000, 101, 99", {5, 99}), ("9" * 9999, set())],
)
def test_shares_are_read_as_people_write_them(text: str, percents: set[int]) -> None:
    assert percents_in(text) == percents


@pytest.mark.django_db(transaction=True)
def test_at_any_concurrency_a_share_is_noticed_once(team: Team, alice: User, priced: str) -> None:
    give(team, "0.32")
    start = threading.Barrier(20)
    errors: list[BaseException] = []

    def send(number: int) -> None:
        try:
            start.wait(30)
            hold_for(team, alice, f"turn:{number}")
            settle_as(f"turn:{number}", 1000, 1000)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    assert Budget.objects.get(team=team).posted_nano_usd == 20 * HOLD
    assert sorted(told()) == [(80, 20 * HOLD), (100, 20 * HOLD)]


def limited(team: Team, usd: str, **facts: Any) -> Limit:
    """A limit of a team."""
    new = NewLimit(LimitScope.TEAM, usd_to_nano(usd), team_id=team.pk, **facts)
    return set_limit(new)
