"""Usage by day in a zone: its edges, its ties to the ledger, the totals and how they are made."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from accounts.models import Team, User
from billing import usage_folding
from billing.figures import Figures
from billing.fold import Difference
from billing.models import ConversationTotal, Hold, Settlement, Transfer, UsageFold, UsageTotal
from billing.money import usd_to_nano
from billing.usage import Slice, Usage
from billing.usage_folding import fold_if_due, fold_once, rebuild, usage_differences
from billing.verification import verify
from billing.zones import day_start, zones
from tests.billing.booking import move, post_correction, turn_at
from tests.billing.conftest import give, hold_for, set_prices, settle_as

OCTOBER, NOVEMBER = date(2025, 10, 1), date(2025, 11, 1)
LOCAL = "smollm2-135m"
TALKS = [UUID(int=number) for number in range(1, 4)]


@pytest.fixture(autouse=True)
def funded(team: Team, charlies_team: Team, priced: str) -> None:
    set_prices(LOCAL, "0.02")
    give(team, "100")
    give(charlies_team, "100")


def correct(subject: str, amount_nano_usd: int, moment: datetime) -> None:
    """Book a correction of a turn at a moment."""
    hold = Hold.objects.get(subject=subject)
    move(post_correction(hold, amount_nano_usd, key=f"{subject}:{moment}", note=""), moment)


def spent(since: datetime, until: datetime) -> int:
    rows = Transfer.objects.filter(created_at__gte=since, created_at__lt=until)
    sums = {
        (row["kind"], row["debit__kind"]): int(row["sum"])
        for row in rows.values("kind", "debit__kind")
        .order_by()
        .annotate(sum=Sum("amount_nano_usd"))
    }
    return (
        sums.get(("capture", "wallet"), 0)
        + sums.get(("correction", "wallet"), 0)
        - sums.get(("correction", "spending"), 0)
    )


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("UTC", datetime(2025, 11, 1, tzinfo=UTC)),
        ("Asia/Ho_Chi_Minh", datetime(2025, 10, 31, 17, tzinfo=UTC)),
        ("Asia/Shanghai", datetime(2025, 10, 31, 16, tzinfo=UTC)),
    ],
)
def test_a_month_ends_with_its_last_second_in_its_zone(
    team: Team, alice: User, zone: str, midnight: datetime, folded: bool
) -> None:
    for seconds in (-1, 0, 1):
        turn_at(team, alice, midnight + timedelta(seconds=seconds))
    if folded:
        rebuild(zone)
        assert UsageTotal.objects.filter(zone=zone).count() == 2
    usage = Usage(zone)
    assert usage.total(Slice(OCTOBER, OCTOBER.replace(day=31))).turns == 1
    assert usage.total(Slice(NOVEMBER, NOVEMBER.replace(day=30))).turns == 2
    assert usage.by("day", Slice(team_id=team.pk)).keys() == {OCTOBER.replace(day=31), NOVEMBER}


@pytest.mark.parametrize("folded", [False, True])
def test_a_day_has_as_many_hours_as_its_zone_gives_it(
    team: Team, alice: User, settings: Any, folded: bool
) -> None:
    settings.STATEMENT_ZONES = ("Europe/Berlin",)
    longest = date(2025, 10, 26)
    first = datetime(2025, 10, 25, 22, tzinfo=UTC)
    assert day_start(longest, "Europe/Berlin") == first
    for hours in range(-1, 26):
        turn_at(team, alice, first + timedelta(hours=hours))
    if folded:
        call_command("rebuildusage", "--zone", "Europe/Berlin", stdout=StringIO())
    days = Usage("Europe/Berlin").by("day", Slice())
    assert [days[longest + timedelta(days=add)].turns for add in (-1, 0, 1)] == [1, 25, 1]


def test_a_day_whose_midnight_is_left_out_begins_after_it() -> None:
    assert day_start(date(2025, 9, 7), "America/Santiago") == datetime(2025, 9, 7, 4, tzinfo=UTC)


@pytest.fixture
def traffic(team: Team, charlies_team: Team, alice: User, bob: User) -> None:
    """Turns of two teams, people, models, relays and conversations, some failed, three corrected,
    one of these later."""
    moment = datetime(2025, 10, 31, 12, tzinfo=UTC)
    for hours in range(0, 24, 5):
        later = moment + timedelta(hours=hours)
        turn_at(team, alice, later, conversation=TALKS[hours % 2], route="holysheep")
        turn_at(charlies_team, bob, later, LOCAL, outcome="failed", route="local")
    facts: dict[str, Any] = {"cached_tokens": 10, "reasoning_tokens": 20, "route": "demo"}
    dear = turn_at(team, bob, moment, conversation=TALKS[2], **facts)
    correct(dear, 17, moment)
    correct(dear, -5, moment + timedelta(days=40))
    correct(turn_at(charlies_team, bob, moment, LOCAL), -3, moment)


@pytest.mark.parametrize(
    ("zone", "reach"),
    [
        ("UTC", "nothing"),
        ("Asia/Ho_Chi_Minh", "some"),
        ("Asia/Shanghai", "all"),
        *(
            pytest.param(zone, reach, marks=pytest.mark.slow)
            for zone, reach in (
                ("UTC", "some"),
                ("UTC", "all"),
                ("Asia/Ho_Chi_Minh", "nothing"),
                ("Asia/Ho_Chi_Minh", "all"),
                ("Asia/Shanghai", "nothing"),
                ("Asia/Shanghai", "some"),
            )
        ),
    ],
)
def test_every_sum_ties_to_the_transfers(traffic: None, zone: str, reach: str) -> None:
    if reach == "all":
        rebuild(zone)
    if reach == "some":
        fold_up_to_the_middle(zone)
    usage = Usage(zone)
    for first, last in ((OCTOBER, NOVEMBER), (NOVEMBER, NOVEMBER), (OCTOBER, date(2025, 12, 31))):
        asked = Slice(first, last)
        told = spent(day_start(first, zone), day_start(last + timedelta(days=1), zone))
        assert usage.total(asked).cost_nano_usd == told
        for name in ("day", "team_id", "person_id", "model", "route", "conversation_id"):
            parts = usage.by(name, asked).values()
            assert sum(part.cost_nano_usd for part in parts) == told
            assert sum(parts, Figures()) == usage.total(asked)
            every = usage.by(name, asked)
            assert usage.dearest(name, asked, 99) == usage.first(name, asked, 99) == every
            assert usage.dearest(name, asked, 2) == usage.first(name, asked, 2)
    dear = usage.total(Slice(conversation_id=TALKS[2]))
    assert (dear.turns, dear.cost_nano_usd) == (1, usd_to_nano("0.012") + 17 - 5)
    assert usage.by("route", Slice(model=LOCAL)).keys() == {"", "local"}
    assert usage.by("conversation_id", Slice(route="local")).keys() == {None}
    everything = usage.total(Slice())
    assert everything.turns == Settlement.objects.count()
    assert everything.failures == 5
    assert everything.corrected_nano_usd == 17 - 5 - 3
    assert (everything.tokens_cached, everything.tokens_of_reasoning) == (10, 20)
    # The local model has no official price, so its corrections are no saving.
    assert everything.official_nano_usd == 6 * usd_to_nano("0.09")
    assert everything.paid_where_official_nano_usd == 6 * usd_to_nano("0.012") + 12
    assert list(usage_differences()) == []


def fold_up_to_the_middle(zone: str) -> None:
    middle = Settlement.objects.order_by("id")[5]
    newer = Settlement.objects.filter(id__gt=middle.pk)
    was = dict(newer.values_list("id", "created_at"))
    newer.update(created_at=datetime.now(UTC))
    assert fold_once(zone)
    assert UsageFold.objects.get(zone=zone).settlement_id == middle.pk
    for id, moment in was.items():
        Settlement.objects.filter(pk=id).update(created_at=moment)


def test_what_is_younger_than_an_hour_is_counted_but_not_folded(team: Team, alice: User) -> None:
    now = datetime.now(UTC)
    turn_at(team, alice, now - timedelta(minutes=61))
    turn_at(team, alice, now - timedelta(minutes=59))
    turn_at(team, alice, now - timedelta(minutes=70))
    while fold_once("UTC"):
        pass
    # Nor what has a higher id: it waits for the one before it.
    assert sum(UsageTotal.objects.values_list("turns", flat=True)) == 1
    assert Usage("UTC").total(Slice()).turns == 3


def test_reading_folds_only_where_many_old_turns_wait(
    team: Team, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_folding, "DUE", 1)
    for _ in range(2):
        turn_at(team, alice, datetime.now(UTC))
    fold_if_due("UTC")
    assert not UsageFold.objects.exists()
    Settlement.objects.update(created_at=datetime(2025, 10, 31, tzinfo=UTC))
    fold_if_due("UTC")
    assert UsageTotal.objects.get().turns == 2


def test_a_total_that_was_changed_is_reported_and_made_anew(traffic: None) -> None:
    call_command("rebuildusage", stdout=StringIO())
    assert UsageFold.objects.count() == len(zones()) == 3
    chosen = UsageTotal.objects.filter(zone="Asia/Shanghai").order_by("id")[0]
    UsageTotal.objects.filter(pk=chosen.pk).update(cost_nano_usd=1)
    UsageTotal.objects.filter(zone="UTC", model=LOCAL, day=NOVEMBER).delete()
    ConversationTotal.objects.filter(zone="UTC", conversation_id=TALKS[1]).delete()
    found = [each for each in verify().differences if each.code == "usage_total"]
    assert [each.where.split()[0] for each in found] == ["Asia/Shanghai"] + ["UTC"] * 3
    assert isinstance(found[0], Difference)
    call_command("rebuildusage", stdout=StringIO())
    assert list(usage_differences()) == []


def test_a_zone_that_is_counted_no_more_is_forgotten(traffic: None, settings: Any) -> None:
    rebuild("Asia/Shanghai")
    settings.STATEMENT_ZONES = ("UTC",)
    told = StringIO()
    call_command("rebuildusage", stdout=told)
    assert "Asia/Shanghai: is counted no more." in told.getvalue()
    assert not UsageTotal.objects.filter(zone="Asia/Shanghai").exists()
    with pytest.raises(CommandError, match="not in STATEMENT_ZONES"):
        call_command("rebuildusage", "--zone", "Asia/Shanghai")


def test_a_settlement_has_the_moment_of_its_transfers(team: Team, alice: User) -> None:
    hold_for(team, alice, "turn:1")
    settle_as("turn:1", 1000, 500)
    row = Settlement.objects.get(subject="turn:1")
    moments = Transfer.objects.filter(subject="turn:1").exclude(kind="hold")
    assert set(moments.values_list("created_at", flat=True)) == {row.created_at}
    assert row.day == row.created_at.astimezone(UTC).date()


def test_settlements_of_before_get_the_moment_of_their_transfers(team: Team, alice: User) -> None:
    subject = turn_at(team, alice, datetime(2025, 10, 31, 23, 59, 59, tzinfo=UTC))
    Settlement.objects.update(created_at=datetime(2025, 11, 1, tzinfo=UTC))
    migration = import_module("billing.migrations.0007_statements")
    with connection.cursor() as cursor:
        migration.forwards(None, SimpleNamespace(connection=connection, execute=cursor.execute))
    moment = Transfer.objects.get(subject=subject, kind="release").created_at
    assert Settlement.objects.get().created_at == moment
