"""Verifying finds every planted difference and names it, and none in books that are right."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.guards import drop_delete_guards
from billing.models import Account, Budget, HoldBudget, Settlement, Transfer
from billing.verification import verify
from tests.billing.planting import without_guards


def codes() -> set[str]:
    """What the balances say; that the chain says so of the same rows is shown in `test_chain`."""
    codes = {difference.code for difference in verify().differences}
    return {code for code in codes if not code.startswith("chain_")}


def test_books_that_are_right_agree(books: Team) -> None:
    result = verify()
    assert result.differences == ()
    assert (result.transfers, result.teams, result.open_holds) == (9, 2, 1)


def test_a_changed_balance_is_found_and_rebuilt(books: Team) -> None:
    right = budget_of(books.pk)
    Account.objects.filter(team=books, kind="wallet").update(debits_posted_nano_usd=1)
    Budget.objects.filter(team=books).update(held_nano_usd=0, granted_nano_usd=9)
    assert codes() == {"account", "budget"}
    assert verify(rebuild=True).differences == ()
    assert budget_of(books.pk) == right


def amount_of(subject: str, kind: str, amount: int) -> Callable[[], Any]:
    rows = Transfer.objects.filter(subject=subject, kind=kind)
    return lambda: rows.update(amount_nano_usd=amount)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (amount_of("turn:1", "release", 0), {"release_amount", "account", "budget"}),
        (amount_of("turn:1", "capture", 1), {"release_amount", "settlement", "account", "budget"}),
        (amount_of("turn:3", "hold", 1), {"hold_evidence", "account", "budget"}),
        (amount_of("", "grant", 1), {"over_budget", "account", "budget"}),
        (lambda: Transfer.objects.filter(overrun=True).update(overrun=False), {"overrun_flag"}),
        (
            lambda: Transfer.objects.filter(kind="capture").update(subject="turn:9"),
            {"other_hold"},
        ),
        (lambda: Settlement.objects.filter(subject="turn:1").delete(), {"settlement_missing"}),
        (
            lambda: Settlement.objects.filter(subject="turn:1").update(prompt_tokens=9),
            {"settlement"},
        ),
        (
            lambda: Transfer.objects.filter(subject="turn:1", kind="release").delete(),
            {"settlement", "account", "budget"},
        ),
    ],
)
def test_a_changed_row_is_found_and_named(
    books: Team, plant: Callable[[], Any], expected: set[str]
) -> None:
    without_guards(plant)
    assert codes() == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"official_cost_nano_usd": 1},
        {"official_cost_nano_usd": None},
        {"model": "gpt-4o"},
        {"subject": "turn:9"},
        {"day": "2020-01-01"},
    ],
)
def test_a_settlement_that_would_mislead_the_overview_is_found(
    books: Team, changes: dict[str, Any]
) -> None:
    Settlement.objects.filter(subject="turn:1").update(**changes)
    assert codes() == {"settlement"}


def test_a_cost_moved_to_another_team_is_found(books: Team, charlies_team: Team) -> None:
    Settlement.objects.filter(subject="turn:1").update(team=charlies_team)
    assert codes() == {"settlement"}
    capture = Transfer.objects.filter(subject="turn:2", kind="capture")
    without_guards(lambda: capture.update(team=charlies_team))
    assert codes() == {"settlement", "other_hold", "other_account", "budget"}


def test_a_transfer_in_another_persons_name_is_found(books: Team, bob: User) -> None:
    capture = Transfer.objects.filter(subject="turn:1", kind="capture")
    without_guards(lambda: capture.update(person=bob))
    assert codes() == {"other_hold"}


def test_an_account_given_to_another_team_is_found(books: Team) -> None:
    elsewhere = Team.objects.create(name="Elsewhere")
    Account.objects.filter(team=books, kind="spending").update(team=elsewhere)
    assert codes() == {"other_account"}


def test_a_hold_that_no_longer_counts_for_its_team_is_found_and_rebuilt(books: Team) -> None:
    taken = HoldBudget.objects.filter(hold__subject="turn:1")
    without_guards(taken.delete)
    cost = Settlement.objects.get(subject="turn:1").cost_nano_usd
    Budget.objects.filter(team=books).update(posted_nano_usd=F("posted_nano_usd") - cost)
    assert codes() == {"budget"}
    assert verify(rebuild=True).differences == ()


def test_a_second_capture_is_found(books: Team) -> None:
    capture = Transfer.objects.get(subject="turn:1", kind="capture")
    capture.pk, capture.idempotency_key, capture.number = None, "another", 9
    capture.save(force_insert=True)
    assert "no_open_hold" in codes()


def test_a_missing_guard_is_found(books: Team) -> None:
    drop_delete_guards(connection)
    assert codes() == {"guard_missing"}


def test_the_command_says_what_agrees_and_fails_on_what_does_not(books: Team) -> None:
    out = StringIO()
    call_command("verifyledger", stdout=out)
    assert "9 transfers of 2 teams, 1 open holds: everything agrees." in out.getvalue()
    Budget.objects.filter(team=books).update(posted_nano_usd=1)
    with pytest.raises(CommandError, match="1 differences") as failure:
        call_command("verifyledger", stdout=out)
    assert failure.value.returncode == 1
    assert f"budget: team:{books.pk}: posted_nano_usd is 1" in out.getvalue()
    call_command("verifyledger", "--rebuild", stdout=out)
