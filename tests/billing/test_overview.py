"""The overview: its sums, its periods, its links, its charts."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Team, User
from billing.charts import bars, shares
from billing.models import Settlement
from billing.money import usd_to_nano
from billing.overview import Filter, overview
from tests.billing.conftest import give, hold_for, set_prices, settle_as

USAGE = ("billing_settlement", "billing_usagetotal", "billing_conversationtotal")
TODAY = date(2026, 11, 21)


def turn(
    team: Team,
    person: User,
    days_ago: int = 0,
    outcome: str = "completed",
    model: str = "gpt-4.1",
    today: date = TODAY,
) -> None:
    """A settled turn of 1,000 tokens in and 500 out."""
    subject = f"turn:{uuid4()}"
    hold_for(team, person, subject, model=model, conversation_id=team.pk)
    settle_as(subject, 1000, 500, outcome=outcome, route=f"relay of {model}")
    day = today - timedelta(days=days_ago)
    noon = datetime.combine(day, time(12), UTC)
    Settlement.objects.filter(subject=subject).update(day=day, created_at=noon)


@pytest.fixture
def teams(team: Team, charlies_team: Team, priced: str) -> tuple[Team, Team]:
    set_prices("smollm2-135m", "0.02")
    give(team, "100")
    give(charlies_team, "100")
    return team, charlies_team


def test_each_period_stands_beside_the_one_before(teams: tuple[Team, Team], alice: User) -> None:
    # Edges: today, yesterday, the last and first days of 7, of 30, and what is out of sight.
    for days_ago in (0, 1, 6, 7, 13, 14, 29, 30, 59, 60):
        turn(teams[0], alice, days_ago)
    turn(teams[0], alice, -1)
    shown = overview(Filter(), TODAY)
    counted = [(p.days, p.now.turns, p.before.turns) for p in shown.periods]
    assert counted == [(1, 1, 1), (7, 3, 2), (30, 7, 2)]
    assert shown.period.first == date(2026, 10, 23)
    assert len(shown.days) == 30
    assert sum(figures.turns for _day, figures in shown.days) == 7


def test_sums_and_saving_are_exact(teams: tuple[Team, Team], alice: User) -> None:
    turn(teams[0], alice)
    turn(teams[0], alice, outcome="failed")
    turn(teams[0], alice, model="smollm2-135m", outcome="orphaned")
    now = overview(Filter(days=1), TODAY).period.now
    assert (now.turns, now.failures, now.tokens) == (3, 2, 4500)
    assert now.cost_nano_usd == usd_to_nano("0.02403")
    # The local model has no official price: it is no saving.
    assert now.saving_nano_usd == usd_to_nano("0.156")
    assert now.saving_percent == Decimal("86.7")


def test_blocks_are_ordered_by_spend_and_narrowed_by_filters(
    teams: tuple[Team, Team], alice: User, bob: User
) -> None:
    turn(teams[1], alice)
    for _ in range(2):
        turn(teams[0], bob)
    turn(teams[0], alice, model="smollm2-135m")
    shown = overview(Filter(), TODAY)
    assert [(line.name, line.figures.turns) for line in shown.teams] == [
        ("Tram", 3),
        ("Charlie's", 1),
    ]
    assert [line.name for line in shown.people] == ["bob", "alice"]
    assert [line.name for line in shown.models] == ["gpt-4.1", "smollm2-135m"]
    narrowed = overview(Filter(team=teams[0].pk, person=alice.pk), TODAY)
    assert [line.name for line in narrowed.models] == ["smollm2-135m"]
    assert narrowed.period.now.turns == 1


@pytest.mark.parametrize(
    "query",
    [{"days": "8"}, {"days": "x"}, {"team": "nonsense"}, {"person": "1e9"}, {"person": "９"}, {}],
)
def test_a_filter_that_makes_no_sense_is_ignored(query: dict[str, str]) -> None:
    assert Filter.from_query(query) == Filter()


@pytest.fixture
def admin(alice: User) -> Client:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client = Client()
    client.force_login(alice)
    return client


def test_every_number_leads_to_as_many_rows(
    admin: Client, teams: tuple[Team, Team], alice: User, bob: User
) -> None:
    today = datetime.now(UTC).date()
    for days_ago in (0, 2, 9):
        turn(teams[0], alice, days_ago, today=today)
        turn(teams[1], bob, days_ago, "failed", "smollm2-135m", today=today)
    body = admin.get(reverse("admin:index")).content.decode()
    links = re.findall(r'<a href="(/admin/billing/settlement/[^"]*)"[^>]*>(\d+)</a>', body)
    # Three cards, two rows in each of five blocks, thirty days: turns and failures each;
    # and the tokens of the 27 days without any, the only ones that are written like a count.
    assert len(links) == 2 * (3 + 10 + 30) + 27
    for href, number in set(links):
        rows = admin.get(unescape(href)).content.decode()
        assert re.search(rf"\b{number} turns? shown", rows), href


def test_filters_stay_in_the_address(admin: Client, teams: tuple[Team, Team], alice: User) -> None:
    turn(teams[0], alice, today=datetime.now(UTC).date())
    query = {"days": "7", "team": str(teams[0].pk), "model": "gpt-4.1"}
    body = unescape(admin.get(reverse("admin:index"), query).content.decode())
    assert f"/admin/?days=30&team={teams[0].pk}&model=gpt-4.1" in body
    assert f"/admin/?days=7&team={teams[0].pk}&person={alice.pk}&model=gpt-4.1" in body
    assert f"/admin/?days=7&team={teams[0].pk}" in body
    assert "Team: Tram" in body


def test_the_page_asks_a_bounded_number_of_questions(
    admin: Client, teams: tuple[Team, Team], alice: User, bob: User
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            admin.get(reverse("admin:index"))
        asked = (query["sql"] for query in queries.captured_queries)
        return sum(any(table in each for table in USAGE) for each in asked)

    turn(teams[0], alice, today=datetime.now(UTC).date())
    # What is newer than the totals, settled and corrected, and whether to fold; five of totals,
    # and two of those by conversation.
    assert asked() == 10
    for person in (alice, bob):
        turn(teams[1], person, 3, today=datetime.now(UTC).date())
    assert asked() == 10


def test_the_page_has_no_inline_style_or_script(
    admin: Client, teams: tuple[Team, Team], alice: User
) -> None:
    turn(teams[0], alice, today=datetime.now(UTC).date())
    body = admin.get(reverse("admin:index")).content.decode()
    assert 'style="' not in body
    assert "<style" not in body
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", body)
    assert not re.search(r"\son\w+=", body)


def test_a_name_is_text_on_the_page(admin: Client, teams: tuple[Team, Team], alice: User) -> None:
    Team.objects.filter(pk=teams[0].pk).update(name="<img src=x onerror=alert(1)>")
    turn(teams[0], alice, today=datetime.now(UTC).date())
    assert "<img src=x" not in admin.get(reverse("admin:index")).content.decode()


def test_an_empty_installation_says_so(admin: Client) -> None:
    assert "No turn was settled" in admin.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize("language", ["en", "vi", "zh-hans"])
def test_charts_are_drawn_with_plain_numbers_in_every_language(
    admin: Client, teams: tuple[Team, Team], alice: User, language: str
) -> None:
    for days_ago in range(3):
        turn(teams[0], alice, days_ago, today=datetime.now(UTC).date())
    address = reverse("admin:index")
    body = admin.get(address, headers={"Accept-Language": language}).content.decode()
    drawn = re.findall(r'<rect [^>]*?(?:x|y|width|height)="([^"]*)"', body)
    assert drawn
    assert all(re.fullmatch(r"[\d.]+", number) for number in drawn)


def test_a_chart_is_scaled_to_its_highest_column() -> None:
    low, high, none = bars([1, 50, 0], [100, 100, 0])
    assert (high.height, high.shadow_height, high.y) == (50.0, 100.0, 50.0)
    assert low.height == 1.0
    assert (none.height, none.shadow_height) == (0.0, 0.0)
    assert bars([], []) == ()
    assert shares([4, 1, 0]) == (100.0, 25.0, 0.0)
