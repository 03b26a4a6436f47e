"""A turn settles exactly once: its cost is captured, the rest of its hold goes back."""

from datetime import UTC, datetime

import pytest

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.errors import BudgetExhausted, HoldUnknown, UsageInvalid
from billing.models import Settlement, Transfer
from billing.money import usd_to_nano
from billing.prices import NewPrice, set_price
from billing.settlement import Quality, cost_of
from tests.billing.conftest import give, hold_for, set_prices, settle_as


def kinds(subject: str) -> list[tuple[str, int]]:
    rows = Transfer.objects.filter(subject=subject).order_by("id")
    return list(rows.values_list("kind", "amount_nano_usd"))


@pytest.fixture
def held(team: Team, alice: User, priced: str) -> str:
    give(team, "1")
    hold_for(team, alice, "turn:1")
    return "turn:1"


def test_the_worked_example_settles_to_the_cent(team: Team, alice: User, priced: str) -> None:
    give(team, "12")
    hold_for(team, alice, "turn:1", prompt_bytes=1_000_000, max_tokens=500_000)
    settled = settle_as("turn:1", 1_000_000, 500_000)
    assert settled.cost_nano_usd == usd_to_nano("12")
    assert settled.official_cost_nano_usd == usd_to_nano("90")
    assert budget_of(team.pk).remaining_nano_usd == 0


def test_what_was_not_used_goes_back(held: str, team: Team) -> None:
    settled = settle_as(held, 100, 200)
    assert settled.cost_nano_usd == usd_to_nano("0.0024")
    assert kinds(held) == [("hold", 16_000_000), ("capture", 2_400_000), ("release", 13_600_000)]
    budget = budget_of(team.pk)
    assert (budget.held_nano_usd, budget.spent_nano_usd) == (0, 2_400_000)


def test_zero_tokens_release_everything(held: str, team: Team) -> None:
    settled = settle_as(held, 0, 0, outcome="failed")
    assert (settled.cost_nano_usd, settled.official_cost_nano_usd) == (0, 0)
    assert kinds(held) == [("hold", 16_000_000), ("release", 16_000_000)]
    assert budget_of(team.pk).remaining_nano_usd == usd_to_nano("1")


def test_a_second_settlement_changes_nothing(held: str, team: Team) -> None:
    first = settle_as(held, 100, 200, quality=Quality.ESTIMATED, outcome="interrupted")
    before = budget_of(team.pk)
    assert settle_as(held, 999, 999, outcome="completed") == first
    assert first.quality == Quality.ESTIMATED
    assert budget_of(team.pk) == before
    assert Settlement.objects.get().outcome == "interrupted"
    assert len(kinds(held)) == 3


def test_a_bill_beyond_the_hold_is_recorded_in_full_and_flagged(
    held: str, team: Team, alice: User
) -> None:
    settled = settle_as(held, 1000, 200_000)
    assert settled.overrun
    assert settled.cost_nano_usd == usd_to_nano("1.608")
    assert kinds(held)[1:] == [("capture", usd_to_nano("1.608")), ("release", 0)]
    assert Transfer.objects.get(subject=held, kind="capture").overrun
    assert Settlement.objects.get().overrun
    assert budget_of(team.pk).remaining_nano_usd == usd_to_nano("-0.608")
    with pytest.raises(BudgetExhausted):
        hold_for(team, alice)


def test_our_own_estimate_never_costs_more_than_the_hold(held: str) -> None:
    settled = settle_as(held, 1000, 200_000, quality=Quality.ESTIMATED)
    assert settled.cost_nano_usd == 16_000_000
    assert not settled.overrun


def test_a_price_edited_mid_turn_does_not_touch_the_turn(held: str, team: Team) -> None:
    set_prices("gpt-4.1", "800")
    assert settle_as(held, 100, 200).cost_nano_usd == 2_400_000


def test_cached_tokens_cost_the_cached_price(team: Team, alice: User) -> None:
    eight, two = usd_to_nano("8"), usd_to_nano("2")
    set_price("gpt-4.1", NewPrice(eight, eight, two), datetime(2026, 1, 1, tzinfo=UTC))
    give(team, "1")
    placed = hold_for(team, alice, "turn:1")
    assert cost_of(placed.price_version_id, 1000, 0, 500) == 5_000_000
    settled = settle_as("turn:1", 1000, 0, cached_tokens=500, reasoning_tokens=0)
    assert settled.cost_nano_usd == 5_000_000
    assert settled.official_cost_nano_usd is None


def test_nothing_held_is_nothing_to_settle(db: None) -> None:
    with pytest.raises(HoldUnknown):
        settle_as("turn:unknown", 1, 1)


@pytest.mark.parametrize(
    "usage",
    [
        {"tokens_in": -1, "tokens_out": 1},
        {"tokens_in": 1, "tokens_out": -1},
        {"tokens_in": 1, "tokens_out": 10**15},
        {"tokens_in": 1, "tokens_out": 1, "cached_tokens": -1},
    ],
)
def test_absurd_usage_is_refused_and_the_hold_stays(
    held: str, team: Team, usage: dict[str, int]
) -> None:
    with pytest.raises(UsageInvalid):
        settle_as(held, **usage)
    assert budget_of(team.pk).held_nano_usd == 16_000_000


def test_a_settlement_says_who_what_and_when(held: str, team: Team, alice: User) -> None:
    settle_as(held, 100, 200, cached_tokens=10, reasoning_tokens=20)
    row = Settlement.objects.get()
    assert (row.team, row.person, row.model) == (team, alice, "gpt-4.1")
    assert (row.cached_tokens, row.reasoning_tokens) == (10, 20)
    assert row.day == row.created_at.date()


def test_the_turn_in_the_documents_goes_through_the_books_as_told(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "20")
    hold_for(team, alice, "turn:1", prompt_bytes=1_200_000, max_tokens=600_000)
    assert budget_of(team.pk).held_nano_usd == usd_to_nano("14.40")
    assert budget_of(team.pk).remaining_nano_usd == usd_to_nano("5.60")
    settled = settle_as("turn:1", 1_000_000, 500_000)
    assert (settled.cost_nano_usd, settled.official_cost_nano_usd) == (
        usd_to_nano("12"),
        usd_to_nano("90"),
    )
    assert budget_of(team.pk).held_nano_usd == 0
    assert budget_of(team.pk).remaining_nano_usd == usd_to_nano("8")
