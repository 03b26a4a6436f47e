"""Every bound is where it is said to be: the last that is allowed, and the first that is not."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Team, User
from billing.budgets import budget_of, check_grant, locked_budgets, take
from billing.costs import AtMost, Used, costs, exact_worst, max_tokens_within
from billing.errors import (
    AmountInvalid,
    BillingError,
    BudgetExhausted,
    MarkupRefused,
    PriceRefused,
    UsageInvalid,
)
from billing.holds import MAX_IMAGES_OF_A_TURN, MAX_TOKENS_OF_A_TURN, place_hold
from billing.markups import check_markup, percent_to_basis_points
from billing.models import Budget
from billing.money import (
    MAX_GRANT_NANO_USD,
    MAX_NANO_USD,
    MAX_PRICE_NANO_USD,
    checked,
    cost_nano_usd,
    usd_to_nano,
)
from billing.prices import FIGURES, NewPrice, check_price
from billing.settlement import Quality, settle
from tests.billing.conftest import MODEL, give, hold_for, set_prices

FREE = NewPrice(0, 0)
BOUNDS: list[tuple[Callable[[Any], object], Any, Any, type[BillingError]]] = [
    (checked, MAX_NANO_USD, MAX_NANO_USD + 1, AmountInvalid),
    (checked, -MAX_NANO_USD, -MAX_NANO_USD - 1, AmountInvalid),
    (check_grant, MAX_GRANT_NANO_USD, MAX_GRANT_NANO_USD + 1, AmountInvalid),
    (check_grant, -MAX_GRANT_NANO_USD, -MAX_GRANT_NANO_USD - 1, AmountInvalid),
    (check_grant, 1, 0, AmountInvalid),
    (lambda points: check_markup(points, None, None), -10_000, -10_001, MarkupRefused),
    (lambda points: check_markup(points, None, None), 100_000, 100_001, MarkupRefused),
    (lambda name: check_price(name, FREE, None), "x" * 200, "x" * 201, PriceRefused),
    (usd_to_nano, "9" + "0" * 9, "1" + "0" * 10, AmountInvalid),
    (percent_to_basis_points, "999999", "1000000", MarkupRefused),
]


@pytest.mark.parametrize(("check", "allowed", "refused", "kind"), BOUNDS)
def test_a_bound_is_where_it_is_said_to_be(
    db: None, check: Callable[[Any], object], allowed: Any, refused: Any, kind: type[BillingError]
) -> None:
    check(allowed)
    with pytest.raises(kind):
        check(refused)


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_of_a_price_has_its_bounds(db: None, name: str) -> None:
    none = {"input_nano_usd_per_million": 0, "output_nano_usd_per_million": 0}
    both = {each: 0 for each in FIGURES if each.startswith("official") == ("official" in name)}
    for figure in (0, MAX_PRICE_NANO_USD):
        check_price("x", NewPrice(**(none | both | {name: figure})), None)
    for figure in (-1, MAX_PRICE_NANO_USD + 1):
        with pytest.raises(AmountInvalid):
            check_price("x", NewPrice(**(none | both | {name: figure})), None)


def held(team: Team, alice: User, prompt_bytes: int, max_tokens: int, max_images: int) -> object:
    return place_hold(
        team_id=team.pk,
        person_id=alice.pk,
        subject=f"turn:{prompt_bytes}:{max_tokens}:{max_images}",
        model=MODEL,
        prompt_bytes=prompt_bytes,
        max_tokens=max_tokens,
        max_images=max_images,
    )


def test_a_hold_has_bounds_on_each_side(team: Team, alice: User) -> None:
    set_prices(MODEL, "0")
    least, most = (0, 1, 0), (MAX_TOKENS_OF_A_TURN, MAX_TOKENS_OF_A_TURN, MAX_IMAGES_OF_A_TURN)
    for allowed in (least, most):
        held(team, alice, *allowed)
    for place in range(3):
        for bound, step in ((least, -1), (most, 1)):
            beyond = list(bound)
            beyond[place] += step
            with pytest.raises(UsageInvalid):
                held(team, alice, *beyond)


@pytest.mark.parametrize(
    "name",
    ["prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "images"],
)
def test_each_count_of_a_settlement_has_its_bounds(team: Team, alice: User, name: str) -> None:
    set_prices(MODEL, "0")
    most = MAX_IMAGES_OF_A_TURN if name == "images" else MAX_TOKENS_OF_A_TURN
    facts: dict[str, Any] = {"quality": Quality.REPORTED, "outcome": "completed"}
    facts |= {"prompt_tokens": 0, "completion_tokens": 0, "cached_tokens": 0, "reasoning_tokens": 0}
    for number, allowed in enumerate((0, most)):
        hold_for(team, alice, f"turn:{number}")
        settle(subject=f"turn:{number}", **(facts | {name: allowed}))
    for refused in (-1, most + 1):
        with pytest.raises(UsageInvalid):
            settle(subject="turn:0", **(facts | {name: refused}))


def test_nothing_used_costs_nothing_and_one_token_of_anything_something() -> None:
    dear = NewPrice(1, 1, 1, None, None, 1, 1)
    assert costs(Used(0, 0, 0, 0, 0), dear).relay_cost_nano_usd == 0
    for used in (Used(1, 0), Used(0, 1), Used(1, 0, 1), Used(0, 1, None, 1), Used(0, 0, images=1)):
        assert costs(used, dear).relay_cost_nano_usd == 1


def test_images_are_part_of_the_worst_and_of_what_an_answer_leaves() -> None:
    painter = NewPrice(10**6, 10**6, image_nano_usd=100)
    assert exact_worst(AtMost(7, 11, 3), painter) == (7 + 11 + 300) * 10**6
    assert max_tokens_within(400, AtMost(7, 1000, 3), painter) == 400 - 307
    assert max_tokens_within(614 + 20, AtMost(7, 1000, 3), painter, 10_000) == 10
    assert exact_worst(AtMost(7, 11, 3), NewPrice(10**6, 10**6)) == 18 * 10**6


def test_a_free_answer_may_be_as_long_as_asked_unless_the_prompt_is_too_dear() -> None:
    free_answers = NewPrice(10**6, 0)
    assert max_tokens_within(7, AtMost(7, 99), free_answers) == 99
    assert max_tokens_within(6, AtMost(7, 99), free_answers) == -1
    assert max_tokens_within(0, AtMost(0, 99), FREE) == 99


def test_the_official_cost_is_rounded_up_once() -> None:
    assert cost_nano_usd(1, 0, 1, 1) == cost_nano_usd(0, 1, 1, 1) == 1
    assert cost_nano_usd(500_000, 500_000, 1, 1) == 1
    assert cost_nano_usd(3, 5, 10**6, 10**7) == 53


def test_a_whole_budget_can_be_held_and_not_a_unit_more(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "0.016")
    assert hold_for(team, alice, "turn:1").max_tokens == 1000
    assert budget_of(team.pk).remaining_nano_usd == 0


def test_the_database_decides_whether_an_amount_is_left_whatever_was_read_before(
    team: Team, alice: User
) -> None:
    give(team, "1")
    stale = locked_budgets(team.pk, alice.pk)
    Budget.objects.update(posted_nano_usd=500_000_000, held_nano_usd=200_000_000)
    with pytest.raises(BudgetExhausted):
        take(stale, 300_000_001)
    take(stale, 300_000_000)
    with pytest.raises(BudgetExhausted):
        take(stale, 1)
    Budget.objects.update(is_hard=False)
    take(stale, 1)
    assert budget_of(team.pk).held_nano_usd == 500_000_001


def test_tiny_and_huge_figures_are_no_amounts_and_not_computed() -> None:
    assert usd_to_nano("0e-40") == 0
    assert usd_to_nano(Decimal("0.5")) == 500_000_000
    assert percent_to_basis_points(Decimal("0.5")) == 50
    for usd in ("1e-30", "1e-31", "1e11"):
        with pytest.raises(AmountInvalid):
            usd_to_nano(usd)
