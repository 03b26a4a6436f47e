"""What past turns would have cost is computed as they would have been settled."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from billing.errors import TrialRefused
from billing.markups import set_markup
from billing.models import PriceVersion, Settlement
from billing.money import usd_to_nano
from billing.price_trial import Trial, Tried, try_on
from billing.prices import NewPrice
from billing.settlement import Quality
from tests.billing.conftest import MODEL, give, hold_for, set_prices, settle_as


@pytest.fixture
def usage(team: Team, charlies_team: Team, alice: User, bob: User, priced: str) -> Team:
    """Three turns of Alice's team, one of them at a markup of 50 %, and one of Charlie's."""
    set_prices("deepseek-v3.2", "0.42")
    for each in (team, charlies_team):
        give(each, "10")
    turn(team, alice, MODEL, 100_000, 50_000)
    turn(charlies_team, bob, MODEL, 10_000, 0)
    set_markup(5000, team.pk)
    turn(team, alice, MODEL, 3, 0, cached_tokens=2)
    turn(team, alice, "deepseek-v3.2", 100_000, 100_000, quality=Quality.ESTIMATED)
    return team


def turn(team: Team, person: User, model: str, *tokens: int, **facts: Any) -> None:
    subject = f"turn:{Settlement.objects.count()}"
    hold_for(team, person, subject, model=model, prompt_bytes=100_000, max_tokens=50_000)
    settle_as(subject, *tokens, **facts)


def trial(**fields: Any) -> Trial:
    today = datetime.now(UTC).date()
    return Trial(**({"first": today - timedelta(days=1), "last": today} | fields))


def test_a_new_price_is_tried_on_the_turns_of_its_model(usage: Team) -> None:
    price = NewPrice(7 * 10**9, 9 * 10**9, cached_input_nano_usd_per_million=1)
    result = try_on(trial(model=MODEL, price=price))
    # By hand: 0.1 x 7 + 0.05 x 9 = 1.15; 0.01 x 7 = 0.07; (7,000 + 0.000002) x 1.5, rounded up.
    then = 1_150_000_000 + 70_000_000 + 10_501
    now = 1_200_000_000 + 80_000_000 + 36_000
    relay = (1_280_024_000, 1_150_000_000 + 70_000_000 + 7_001)
    assert result.models == (Tried(MODEL, 3, now, then, *relay),)
    assert result.total.difference_nano_usd == then - now == -60_025_499
    assert result.total.difference_percent == Decimal("-4.7")


def test_the_price_in_force_tried_again_changes_nothing(usage: Team) -> None:
    eight = 8 * 10**9
    line = try_on(trial(model=MODEL, price=NewPrice(eight, eight))).total
    assert line.then_nano_usd == line.now_nano_usd
    assert line.relay_then_nano_usd == line.relay_now_nano_usd
    assert line.difference_percent == 0


def test_a_markup_for_all_leaves_teams_with_their_own_as_they_are(usage: Team) -> None:
    result = try_on(trial(markup_basis_points=1000))
    by_model = {line.model: line for line in result.models}
    assert [line.model for line in result.models] == [MODEL, "deepseek-v3.2"]
    assert by_model[MODEL].difference_nano_usd == usd_to_nano("0.008")
    assert by_model["deepseek-v3.2"].difference_nano_usd == 0
    # An estimate stops at what would have been held: 100,000 and 50,000 tokens.
    assert by_model["deepseek-v3.2"].then_nano_usd == usd_to_nano("0.0945")


def test_a_markup_is_tried_on_one_team(usage: Team) -> None:
    result = try_on(trial(team_id=usage.pk, markup_basis_points=0, model=MODEL))
    assert (result.total.turns, result.total.difference_nano_usd) == (2, -12_000)


def test_days_outside_are_left_out_and_nothing_is_written(usage: Team) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    before = list(Settlement.objects.values()), PriceVersion.objects.count()
    asked = trial(model=MODEL, price=NewPrice(1, 1))
    assert try_on(asked).total.turns == 3
    assert try_on(trial(first=tomorrow, last=tomorrow, markup_basis_points=1)).total == Tried("")
    assert (list(Settlement.objects.values()), PriceVersion.objects.count()) == before
    with CaptureQueriesContext(connection) as statements:
        try_on(asked)
    assert len(statements) <= 3


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "price or a markup"),
        ({"price": NewPrice(1, 1)}, "one model"),
        ({"markup_basis_points": 0, "last": date(2020, 1, 1)}, "after the last"),
    ],
)
def test_a_trial_that_makes_no_sense_is_refused(
    db: None, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TrialRefused, match=reason):
        try_on(trial(**fields))


def test_the_command_says_it_by_model_and_in_all(usage: Team) -> None:
    out = StringIO()
    pair = ("--input", "7", "--output", "9")
    call_command("trialprice", MODEL, *pair, "--since", "2026-11-01", stdout=out)
    first, last = out.getvalue().splitlines()
    assert first.startswith(
        "gpt-4.1: 3 turns, USD 1.280036 now, USD 1.2200315 then, -USD 0.0600045"
    )
    assert last.startswith("In all: 3 turns")
    call_command("trialprice", "--markup", "12.5", "--team", "Tram", "--since", "2026-11-01")
    for wrong in (("--since", "soon"), ("--since", "2026-11-01", "--input", "1")):
        with pytest.raises(CommandError):
            call_command("trialprice", MODEL, *wrong)
