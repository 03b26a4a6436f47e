"""Whatever SQL leaves in the rows, `verifyledger` names the row, and never ends in a traceback."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Team, User
from billing.models import Account, Budget, Settlement, Transfer
from billing.verification import verify
from tests.billing.conftest import hold_for, settle_as
from tests.billing.planting import chain_found, numbered, plant, says

only_sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL stores nothing that a column cannot be"
)
CELLS = {
    "created_at": ["'yesterday'", "'2026-02-30 10:00:00'", "'0000-01-01 00:00:00'", "x'00'", "1"],
    "team_id": ["'Tram'", "x'00'"],
    "number": ["'five'", "x'05'", "1.5"],
    "debit_entry": ["'five'"],
    "mac": ["x'00ff'"],
    "pending_id": ["'five'"],
    "amount_nano_usd": ["'a lot'", "1e30"],
}


@pytest.fixture
def unchecked(books: Team, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """The books, as SQLite's own shell opens them: without its checks."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute("PRAGMA defer_foreign_keys = ON")
    # Asked by the test case at its end, of rows that it takes back.
    monkeypatch.setattr(connection, "check_constraints", lambda *_names: None)
    yield books
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = OFF")


def told(code: str) -> list[str]:
    return [each.where for each in verify().differences if each.code == code]


@only_sqlite
@pytest.mark.parametrize(
    ("column", "value"), [(column, value) for column, values in CELLS.items() for value in values]
)
def test_a_cell_that_cannot_be_is_named_and_so_is_its_row(
    unchecked: Team, column: str, value: str
) -> None:
    row = numbered(unchecked, 5)
    plant((f"UPDATE billing_transfer SET {column} = {value} WHERE id = %s", [row.pk]))
    differences = verify().differences
    assert ("unreadable", f"transfer {row.pk}") in [(each.code, each.where) for each in differences]
    # What else is wrong is still told.
    assert {each.code for each in differences} & {"chain_mac", "chain_gap"}
    with pytest.raises(CommandError, match="differences"):
        call_command("verifyledger", "--rebuild", stdout=StringIO())


@only_sqlite
def test_text_that_is_none_is_told_at_its_row(unchecked: Team) -> None:
    row = numbered(unchecked, 5)
    plant(("UPDATE billing_transfer SET note = CAST(x'ff' AS TEXT) WHERE id = %s", [row.pk]))
    (difference,) = chain_found()
    assert says(difference, "chain_mac", row)
    # And nobody else reads it so.
    with pytest.raises(Exception, match="decode"):
        Transfer.objects.get(pk=row.pk)


@only_sqlite
def test_other_tables_cells_are_named(unchecked: Team) -> None:
    budget, account = Budget.objects.all()[0].pk, Account.objects.all()[0].pk
    plant(
        ("UPDATE billing_settlement SET day = 'never' WHERE subject = 'turn:1'", []),
        ("UPDATE billing_hold SET markup_basis_points = 'none' WHERE subject = 'turn:3'", []),
        ("UPDATE billing_budget SET held_nano_usd = 1.5 WHERE id = %s", [budget]),
        ("UPDATE billing_account SET entries = 'all' WHERE id = %s", [account]),
        ("UPDATE billing_transfer SET overrun = 2 WHERE number = 5", []),
    )
    settlement = Settlement.objects.filter(subject="turn:1").values_list("pk", flat=True)[0]
    places = told("unreadable")
    transfer = numbered(unchecked, 5).pk
    named = {f"account {account}", f"budget {budget}", f"settlement {settlement}"}
    assert named | {f"transfer {transfer}"} < set(places)
    assert [each.split()[0] for each in places].count("hold") == 1


@only_sqlite
def test_a_sum_beyond_64_bits_is_told(unchecked: Team) -> None:
    plant(("UPDATE billing_transfer SET amount_nano_usd = 9223372036854775807", []))
    assert "account" in {each.code for each in verify().differences}
    with pytest.raises(CommandError):
        call_command("verifyledger", "--rebuild", stdout=StringIO())


@only_sqlite
@pytest.mark.parametrize("column", ["price_version_id", "hold_id", "team_id"])
def test_a_settlement_of_what_is_not_there_is_named(unchecked: Team, column: str) -> None:
    nobody = "'" + "0" * 32 + "'" if column == "team_id" else "999999"
    row = Settlement.objects.get(subject="turn:1")
    plant(
        (
            f"UPDATE billing_settlement SET {column} = {nobody}, cost_nano_usd = 1 WHERE id = %s",
            [row.pk],
        )
    )
    assert told("reference") == [f"settlement {row.pk}"]


def test_a_turn_put_into_another_month_is_found(books: Team) -> None:
    assert told("settlement") == []
    Settlement.objects.filter(subject="turn:1").update(
        created_at="2025-01-31T12:00Z", day="2025-01-31"
    )
    assert told("settlement") == ["turn:1"]


@pytest.mark.parametrize(("kind", "count"), [("wallet", 4), ("wallet", -5), ("spending", 1)])
def test_a_lowered_count_stops_no_turn_and_is_told(
    books: Team, alice: User, kind: str, count: int
) -> None:
    counted = Account.objects.filter(team=books, kind=kind)
    right = counted.get().entries
    counted.update(entries=count)
    assert [each.code for each in chain_found()] == ["chain_entry"]
    hold_for(books, alice, "turn:4")
    settle_as("turn:4", 10, 10)
    settle_as("turn:3", 10, 10)
    (difference,) = chain_found()
    assert (difference.code, difference.where) == ("chain_entry", f"{kind} of {books.pk}")
    # Once the count is right again, nothing is left of it in the rows.
    counted.update(entries=right + 5)
    assert verify().differences == ()
