"""A team pays the relay's price and its markup, as both were when its turn was held."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.errors import BudgetExhausted, MarkupRefused, PriceUnknown, UsageInvalid
from billing.holds import place_hold
from billing.markups import (
    basis_points_to_percent,
    markup_of,
    percent_to_basis_points,
    set_markup,
)
from billing.models import Hold, PriceVersion, Settlement, Transfer
from billing.money import usd_to_nano
from billing.prices import NewPrice, price_list, set_price, team_prices
from billing.settlement import Quality, cost_of
from billing.verification import verify
from tests.billing.conftest import MODEL, give, hold_for, set_prices, settle_as

FUTURE = datetime(2199, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def wrong() -> list[str]:
    return [str(each) for each in verify().differences if each.code != "guard_missing"]


def test_a_teams_own_markup_comes_before_everybodys(team: Team, charlies_team: Team) -> None:
    assert markup_of(team.pk) == 0
    set_markup(1250)
    set_markup(-500, team.pk)
    assert (markup_of(team.pk), markup_of(charlies_team.pk), markup_of(None)) == (-500, 1250, 1250)
    set_markup(0, team.pk)
    assert markup_of(team.pk) == 0


def test_a_markup_waits_for_its_day_and_the_later_one_counts(team: Team) -> None:
    set_markup(900, team.pk, FUTURE)
    set_markup(100, team.pk, PAST)
    set_markup(200, team.pk, PAST)
    assert (markup_of(team.pk), markup_of(team.pk, FUTURE)) == (200, 900)


@pytest.mark.parametrize("basis_points", [-10_001, 100_001])
def test_a_markup_beyond_its_bounds_is_refused(db: None, basis_points: int) -> None:
    with pytest.raises(MarkupRefused, match="between"):
        set_markup(basis_points)


def test_a_markup_does_not_start_before_a_turn_that_is_priced(
    team: Team, charlies_team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    hold_for(team, alice)
    for team_id in (team.pk, None):
        with pytest.raises(MarkupRefused, match="priced already"):
            set_markup(100, team_id, PAST)
    set_markup(100, charlies_team.pk, PAST)
    set_markup(100, team.pk)


@pytest.mark.parametrize(
    ("percent", "basis_points"), [("12.5", 1250), ("-100", -10_000), (" 0.01 %", 1), ("1e1", 1000)]
)
def test_people_write_percent(percent: str, basis_points: int) -> None:
    assert percent_to_basis_points(percent) == basis_points
    assert percent_to_basis_points(basis_points_to_percent(basis_points)) == basis_points


@pytest.mark.parametrize("percent", ["", "much", "12.505", "NaN", "1e999999999", "1e-999999999"])
def test_what_is_no_percentage_is_refused(percent: str) -> None:
    with pytest.raises(MarkupRefused):
        percent_to_basis_points(percent)


def test_the_team_pays_the_markup_and_the_relay_gets_its_price(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "20")
    set_markup(1250, team.pk)
    placed = hold_for(team, alice, "turn:1", prompt_bytes=1_000_000, max_tokens=500_000)
    assert (placed.amount_nano_usd, placed.markup_basis_points) == (usd_to_nano("13.5"), 1250)
    set_markup(9000, team.pk)
    settled = settle_as("turn:1", 1_000_000, 500_000)
    assert settled.cost_nano_usd == usd_to_nano("13.5")
    assert settled.relay_cost_nano_usd == usd_to_nano("12")
    assert settled.official_cost_nano_usd == usd_to_nano("90")
    assert settle_as("turn:1", 1, 1) == settled
    assert Transfer.objects.get(kind="capture").amount_nano_usd == usd_to_nano("13.5")
    assert budget_of(team.pk).remaining_nano_usd == usd_to_nano("6.5")
    shown = cost_of(placed.price_version_id, 1_000_000, 500_000, markup_basis_points=1250)
    assert shown == settled.cost_nano_usd
    assert wrong() == []


def test_the_answer_is_shortened_to_what_the_markup_leaves(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    set_markup(2500)
    placed = hold_for(team, alice, "turn:1", prompt_bytes=0, max_tokens=1_000_000)
    assert (placed.max_tokens, placed.amount_nano_usd) == (100_000, usd_to_nano("1"))
    with pytest.raises(BudgetExhausted) as refusal:
        hold_for(team, alice, "turn:2", prompt_bytes=0, max_tokens=256)
    assert refusal.value.needed_nano_usd == 256 * 10_000


def test_a_markup_of_minus_100_percent_is_free_for_the_team(
    team: Team, alice: User, priced: str
) -> None:
    set_markup(-10_000, team.pk)
    assert hold_for(team, alice, "turn:1").amount_nano_usd == 0
    settled = settle_as("turn:1", 1000, 1000)
    assert (settled.cost_nano_usd, settled.relay_cost_nano_usd) == (0, 16_000_000)
    assert not settled.overrun
    assert wrong() == []


def test_an_estimate_stops_at_what_was_held_on_both_sides(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    set_markup(1000)
    hold_for(team, alice, "turn:1")
    settled = settle_as("turn:1", 9000, 9000, quality=Quality.ESTIMATED)
    assert (settled.cost_nano_usd, settled.relay_cost_nano_usd) == (17_600_000, 16_000_000)
    assert wrong() == []


def test_reasoning_and_images_are_held_and_settled_at_their_own_prices(
    team: Team, alice: User
) -> None:
    dear = NewPrice(8 * 10**9, 8 * 10**9, reasoning_nano_usd_per_million=20 * 10**9)
    set_price(MODEL, NewPrice(**(vars(dear) | {"image_nano_usd": 40_000_000})))
    give(team, "1")
    facts: dict[str, Any] = {"team_id": team.pk, "person_id": alice.pk, "model": MODEL}
    placed = place_hold(**facts, subject="turn:1", prompt_bytes=1000, max_tokens=1000, max_images=2)
    assert placed.amount_nano_usd == 8_000_000 + 20_000_000 + 80_000_000
    assert placed.output_nano_usd_per_million == 20 * 10**9
    settled = settle_as("turn:1", 1000, 1000, reasoning_tokens=600, images=2)
    assert settled.cost_nano_usd == 8_000_000 + 3_200_000 + 12_000_000 + 80_000_000
    assert Settlement.objects.get().images == 2
    assert wrong() == []
    with pytest.raises(UsageInvalid):
        settle_as("turn:1", 1, 1, images=1001)
    with pytest.raises(UsageInvalid):
        place_hold(**facts, subject="turn:2", prompt_bytes=1, max_tokens=1, max_images=-1)


def test_prices_are_shown_as_the_team_pays_them(team: Team, priced: str) -> None:
    set_markup(1, team.pk)
    set_prices("cheap", "0.000000001")
    assert team_prices(team.pk)[MODEL].input_nano_usd_per_million == 8_000_800_000
    assert team_prices(team.pk)[MODEL].official_input_nano_usd_per_million == usd_to_nano("60")
    assert team_prices(team.pk)["cheap"].input_nano_usd_per_million == 2
    assert price_list()[MODEL].input_nano_usd_per_million == usd_to_nano("8")


def test_a_model_without_a_price_is_refused_or_gets_the_default_price_once(
    team: Team, alice: User, settings: Any
) -> None:
    give(team, "1")
    with pytest.raises(PriceUnknown):
        hold_for(team, alice, model="new")
    settings.DEFAULT_PRICE_USD = "10/30"
    set_markup(1000)
    for subject in ("turn:1", "turn:2"):
        assert hold_for(team, alice, subject, model="new").amount_nano_usd == 44_000_000
    made = PriceVersion.objects.get()
    assert (made.model, made.from_default, made.created_by) == ("new", True, None)
    settings.DEFAULT_PRICE_USD = "1/1"
    set_prices("new", "20")
    hold_for(team, alice, "turn:3", model="new")
    assert Hold.objects.get(subject="turn:3").amount_nano_usd == 44_000_000
    assert wrong() == []


def test_a_name_that_no_model_can_have_gets_no_default_price(
    team: Team, alice: User, settings: Any
) -> None:
    settings.DEFAULT_PRICE_USD = "10/30"
    give(team, "1")
    with pytest.raises(PriceUnknown):
        hold_for(team, alice, model=" new")
    assert not PriceVersion.objects.exists()
