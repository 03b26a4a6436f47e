"""Books of the version before are numbered, chained, guarded, and agree."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Team, User
from billing.guards import create_guards, drop_delete_guards, guard_names, missing_guards
from billing.models import Account, Budget, Limit, Settlement, Transfer
from billing.verification import verify
from tests.billing.conftest import give, hold_for

BEFORE = [("billing", "0002_guards")]
PRICE_NANO_USD = 8_000_000_000
HELD_NANO_USD, COST_NANO_USD = 2000 * 8000, 1000 * 8000


@pytest.fixture
def before(transactional_db: None) -> Iterator[Any]:
    """The models of billing as they were; the database is brought up to date again after."""
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    for name in guard_names(connection.vendor):
        on = f" ON {name.rsplit('_refuse_', 1)[0]}" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
    yield executor.migrate(BEFORE).apps
    MigrationExecutor(connection).migrate(newest)
    drop_delete_guards(connection)


def up_to_date() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def write_old_books(apps: Any, teams: tuple[Team, Team], person: User) -> None:
    """Credit for two teams, a turn that is settled and one that is open, and limits above them."""

    def models(name: str) -> Any:
        return apps.get_model("billing", name).objects

    funding = models("Account").create(kind="funding", debits_posted_nano_usd=10**10 + 5)
    wallets = [
        models("Account").create(kind="wallet", team_id=team.pk, credits_posted_nano_usd=amount)
        for team, amount in zip(teams, (10**10, 5), strict=True)
    ]
    spending = models("Account").create(kind="spending", team_id=teams[0].pk)
    price = models("PriceVersion").create(
        model="gpt-4.1",
        starts_at="2026-01-01T00:00:00Z",
        input_nano_usd_per_million=PRICE_NANO_USD,
        output_nano_usd_per_million=PRICE_NANO_USD,
    )
    counters: dict[str, Any] = {"posted_nano_usd": COST_NANO_USD, "held_nano_usd": HELD_NANO_USD}
    owners: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("installation", "installation", counters),
        ("team", f"team:{teams[0].pk}", counters | {"team_id": teams[0].pk}),
        (
            "person",
            f"person:{teams[0].pk}:{person.pk}",
            counters | {"team_id": teams[0].pk, "person_id": person.pk, "soft_limit_percent": 100},
        ),
    )
    budgets = [
        models("Budget").create(key=key, scope=scope, rank=rank, granted_nano_usd=10**10, **more)
        for rank, (scope, key, more) in enumerate(owners)
    ]
    models("Budget").create(
        key=f"team:{teams[1].pk}", scope="team", rank=1, team_id=teams[1].pk, granted_nano_usd=5
    )

    def transfer(kind: str, team: Team, debit: Any, credit: Any, amount: int, **more: Any) -> Any:
        key = f"{kind}:{more.get('subject') or team.pk}"
        return models("Transfer").create(
            kind=kind,
            team_id=team.pk,
            debit=debit,
            credit=credit,
            amount_nano_usd=amount,
            idempotency_key=key,
            **more,
        )

    def hold(subject: str) -> Any:
        facts = {"subject": subject, "person_id": person.pk}
        held = transfer("hold", teams[0], wallets[0], spending, HELD_NANO_USD, **facts)
        row = models("Hold").create(
            transfer=held,
            team_id=teams[0].pk,
            model="gpt-4.1",
            price_version=price,
            prompt_bytes=1000,
            max_tokens=1000,
            amount_nano_usd=HELD_NANO_USD,
            **facts,
        )
        for budget in budgets:
            models("HoldBudget").create(hold=row, budget=budget)
        return row

    transfer("grant", teams[0], funding, wallets[0], 10**10)
    settled = hold("turn:1")
    transfer("grant", teams[1], funding, wallets[1], 5)
    hold("turn:2")
    facts = {"subject": "turn:1", "person_id": person.pk}
    for kind in ("capture", "release"):
        more = facts | {"pending": settled.transfer}
        transfer(kind, teams[0], wallets[0], spending, COST_NANO_USD, **more)
    moved = {"pending_nano_usd": HELD_NANO_USD, "posted_nano_usd": COST_NANO_USD}
    for account, side in ((wallets[0], "debits"), (spending, "credits")):
        changes = {f"{side}_{name}": amount for name, amount in moved.items()}
        models("Account").filter(pk=account.pk).update(**changes)
    row = models("Settlement").create(
        hold=settled,
        team_id=teams[0].pk,
        model="gpt-4.1",
        price_version=price,
        prompt_tokens=500,
        completion_tokens=500,
        cost_nano_usd=COST_NANO_USD,
        quality="reported",
        outcome="completed",
        day="2026-01-01",
        **facts,
    )
    row.refresh_from_db()
    models("Settlement").filter(pk=row.pk).update(day=row.created_at.date())


def test_books_of_the_version_before_agree_after_migrating(
    before: Any, team: Team, charlies_team: Team, alice: User
) -> None:
    write_old_books(before, (team, charlies_team), alice)
    create_guards(connection)
    up_to_date()
    result = verify()
    assert result.differences == ()
    assert (result.transfers, result.teams, result.open_holds) == (6, 2, 1)
    assert missing_guards(connection) == set()
    rows = Transfer.objects.order_by("id").values_list("team__name", "number")
    assert [number for name, number in rows if name == team.name] == [1, 2, 3, 4, 5]
    assert [number for name, number in rows if name != team.name] == [1]
    assert {account.kind: account.entries for account in Account.objects.filter(team=team)} == {
        "wallet": 5,
        "spending": 4,
    }
    assert Account.objects.get(kind="funding").entries == 2
    assert Settlement.objects.get().relay_cost_nano_usd == COST_NANO_USD
    limits = Limit.objects.order_by("id").values_list("scope", "amount_nano_usd", "period")
    assert list(limits) == [("installation", 10**10, "none"), ("person", 10**10, "none")]
    warned = Limit.objects.order_by("id").values_list("warn_percents", flat=True)
    assert list(warned) == ["80,100", "100"]
    # And go on.
    give(team, "1")
    hold_for(team, alice, "turn:3")
    held = Budget.objects.order_by("rank", "id").values_list("held_nano_usd", flat=True)
    assert list(held) == [2 * HELD_NANO_USD, 2 * HELD_NANO_USD, 0, 2 * HELD_NANO_USD]
    assert verify().differences == ()
