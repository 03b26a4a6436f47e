"""Budgets, prices and markups say what they were made from, and which of them is in force."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from billing.budgets import budget_of, locked_budgets, team_key
from billing.dialects import in_each, marks, moment_of
from billing.limit_setting import NewLimit, set_limit
from billing.limits import RANKS, budget_key, current_budgets, limit_key, limits_above
from billing.markups import own_markups, set_markup
from billing.models import (
    Budget,
    LimitScope,
    Period,
)
from billing.money import usd_to_nano
from billing.prices import NewPrice, default_price, price_list, price_of, set_price, team_prices
from tests.billing.conftest import MODEL, give, hold_for, set_prices
from tests.billing.limiting import limited

PAST = datetime(2020, 1, 1, tzinfo=UTC)
TEAM_ID = UUID("12345678-1234-5678-1234-567812345678")


def facts(row: Any, *left_out: str) -> dict[str, Any]:
    """Every column of a row but those."""
    columns = (field.attname for field in row._meta.concrete_fields)
    return {name: getattr(row, name) for name in columns if name not in left_out}


def test_a_teams_budget_is_opened_as_the_teams(team: Team, alice: User) -> None:
    view = budget_of(team.pk)
    assert (view.granted_nano_usd, view.soft_limit_percent) == (0, 80)
    (budget,) = locked_budgets(team.pk, alice.pk)
    assert facts(budget, "id") == {
        "key": f"team:{team.pk}",
        "scope": "team",
        "rank": 1,
        "team_id": team.pk,
        "person_id": None,
        "conversation_id": None,
        "api_key_id": None,
        "limit_id": None,
        "period_start": None,
        "is_hard": True,
        "granted_nano_usd": 0,
        "posted_nano_usd": 0,
        "held_nano_usd": 0,
        "soft_limit_percent": 80,
    }
    Budget.objects.update(soft_limit_percent=60)
    assert budget_of(team.pk).soft_limit_percent == 60


def test_the_budget_of_a_limit_is_opened_as_the_limit_is(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    conversation = uuid4()
    limits = [
        limited("4"),
        limited("3", team, is_hard=False),
        limited("2", team, alice, period=Period.DAY),
        limited("0.5", team, conversation_id=conversation),
        set_limit(NewLimit(LimitScope.API_KEY, usd_to_nano("0.25"), team.pk, api_key_id=7)),
    ]
    hold_for(team, alice, conversation_id=conversation, api_key_id=7)
    budgets = {budget.limit_id: budget for budget in Budget.objects.exclude(limit=None)}
    today = budgets[limits[2].pk].period_start
    seen = [
        facts(budgets[limit.pk], "id", "soft_limit_percent", "posted_nano_usd") for limit in limits
    ]
    for limit, found, granted in zip(limits, seen, ("4", "3", "2", "0.5", "0.25"), strict=True):
        start = today if limit is limits[2] else None
        assert found == {
            "key": budget_key(limit, start),
            "scope": limit.scope,
            "rank": RANKS[LimitScope(limit.scope)],
            "team_id": limit.team_id,
            "person_id": limit.person_id,
            "conversation_id": limit.conversation_id,
            "api_key_id": limit.api_key_id,
            "limit_id": limit.pk,
            "period_start": start,
            "is_hard": limit is not limits[1],
            "granted_nano_usd": usd_to_nano(granted),
            "held_nano_usd": 16_000_000,
        }
    assert budget_key(limits[0], None) == f"limit:{limits[0].pk}"
    assert budget_key(limits[2], today) == f"limit:{limits[2].pk}:{today:%Y-%m-%d}"
    locked = locked_budgets(team.pk, alice.pk, conversation, 7)
    # The team's credit was there before its limit.
    assert [budget.scope for budget in locked] == [
        "installation",
        "team",
        "team",
        "person",
        "conversation",
        "api_key",
    ]
    assert [budget.limit for budget in locked] == [limits[0], None, *limits[1:]]


def test_a_period_that_is_open_is_not_opened_again(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    limit = limited("1", team)
    hold_for(team, alice)
    with CaptureQueriesContext(connection) as statements:
        limits = limits_above(team.pk, alice.pk, None)
        opened = current_budgets(limits, besides=team_key(team.pk))
    assert opened == ([budget_key(limit, None)], False)
    assert len(statements) == 2


def test_a_limits_key_names_its_scope_owner_and_period() -> None:
    other = uuid4()
    assert limit_key("installation", None, None, None, "none") == "installation::::none"
    assert limit_key("person", TEAM_ID, 7, None, "day") == f"person:{TEAM_ID}:7::day"
    assert limit_key("conversation", TEAM_ID, None, other, "week") == (
        f"conversation:{TEAM_ID}::{other}:week"
    )


def test_prices_in_force_are_those_that_started_last(team: Team, alice: User) -> None:
    newer = set_price("early", NewPrice(2, 2), PAST + timedelta(days=1))
    set_price("early", NewPrice(1, 1), PAST)
    set_price("twice", NewPrice(1, 1), PAST)
    later = set_price("twice", NewPrice(2, 2), PAST)
    set_price("future", NewPrice(1, 1), datetime(2199, 1, 1, tzinfo=UTC))
    assert price_of("early", PAST).input_nano_usd_per_million == 1
    assert price_of("early") == newer
    shown = {model: view.version_id for model, view in price_list().items()}
    assert shown == {"early": newer.pk, "twice": later.pk}
    assert (newer.starts_at, newer.created_by) == (PAST + timedelta(days=1), None)
    set_markup(1, team.pk, PAST)
    assert team_prices(team.pk)["twice"].version_id == later.pk
    assert team_prices(team.pk)["twice"].input_nano_usd_per_million == 3
    assert team_prices(None)["twice"].input_nano_usd_per_million == 2


def test_a_hold_has_the_markup_in_force_and_nobody_elses(
    team: Team, charlies_team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    set_markup(5_000, charlies_team.pk)
    set_markup(9_000, team.pk, datetime(2199, 1, 1, tzinfo=UTC))
    assert hold_for(team, alice).markup_basis_points == 0
    set_markup(1_000)
    assert hold_for(team, alice).markup_basis_points == 1_000


def test_the_default_price_is_shown_with_the_teams_markup(team: Team, settings: Any) -> None:
    settings.DEFAULT_PRICE_USD = ""
    assert default_price() is None
    settings.DEFAULT_PRICE_USD = "10/30"
    set_markup(1_000, team.pk)
    for team_id, factor in ((None, 10), (team.pk, 11)):
        shown = default_price(team_id)
        assert shown is not None
        figures = (shown.input_nano_usd_per_million, shown.output_nano_usd_per_million)
        assert figures == (factor * 10**9, factor * 3 * 10**9)
        assert (shown.version_id, shown.cached_input_nano_usd_per_million) == (0, None)


def test_a_markup_is_written_in_full(team: Team, charlies_team: Team, alice: User) -> None:
    now = datetime.now(UTC)
    markup = set_markup(5, team.pk, person_id=alice.pk)
    assert (markup.team, markup.basis_points, markup.created_by) == (team, 5, alice)
    assert markup.starts_at.microsecond == 0
    assert abs(markup.starts_at - now) < timedelta(minutes=1)
    assert set_markup(5, None, PAST).starts_at == PAST
    set_markup(5, charlies_team.pk, datetime(2199, 1, 1, tzinfo=UTC))
    assert own_markups() == {team.pk}


def test_both_databases_get_their_own_words() -> None:
    assert in_each("a {now} b {for_update}") == {
        "sqlite": "a STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW') b ",
        "postgresql": "a STATEMENT_TIMESTAMP() b FOR UPDATE",
    }
    assert [marks(count) for count in range(3)] == ["NULL", "%s", "%s, %s"]
    assert moment_of("2026-11-21 10:00:00.125") == datetime(2026, 11, 21, 10, 0, 0, 125000, UTC)
    assert moment_of(PAST) is PAST


def test_the_saving_is_told_to_a_tenth(db: None) -> None:
    set_prices(MODEL, "8", "60")
    set_prices("unofficial", "8")
    shown = price_list()
    assert str(shown[MODEL].saving_percent) == "86.7"
    assert shown["unofficial"].saving_percent is None
    assert connection.vendor in in_each("")
    assert set_limit(NewLimit(scope=LimitScope.INSTALLATION, amount_nano_usd=1)).period == "none"
