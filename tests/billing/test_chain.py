"""Whatever somebody with the database's own rights does to transfers, the chain names the row."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from accounts.models import Team
from billing.fold import Difference
from billing.models import Transfer
from tests.billing.planting import chain_found, numbered, plant, says

COLUMNS = [str(field.column) for field in Transfer._meta.concrete_fields]


def test_books_that_are_right_have_a_right_chain(books: Team) -> None:
    assert chain_found() == []
    assert [each.number for each in Transfer.objects.filter(team=books).order_by("id")] == [
        *range(1, 9)
    ]


EDITS = {
    "kind": "'release'",
    "debit_id": "(SELECT id FROM billing_account WHERE kind = 'funding')",
    "credit_id": "(SELECT id FROM billing_account WHERE kind = 'funding')",
    "amount_nano_usd": "amount_nano_usd + 1",
    "pending_id": "pending_id + 1",
    "subject": "'turn:9'",
    "person_id": "NULL",
    "overrun": "NOT overrun",
    "note": "'edited'",
    "idempotency_key": "'edited'",
    "created_at": "'2020-01-01 00:00:00'",
    "debit_entry": "debit_entry + 1",
    "credit_entry": "credit_entry + 1",
    "mac": "'0000'",
}


@pytest.mark.parametrize("column", EDITS)
def test_an_edited_column_is_found_at_its_row(books: Team, column: str) -> None:
    row = numbered(books, 5)
    assert row.kind == "capture"
    plant((f"UPDATE billing_transfer SET {column} = {EDITS[column]} WHERE id = %s", [row.pk]))
    (difference, *others) = chain_found()
    assert says(difference, "chain_mac", row)
    # With the row's own mac gone, the next one fits neither.
    assert difference.detail.endswith("do not fit either: 1") == (column == "mac")
    assert not others


def test_every_column_is_edited_in_some_test() -> None:
    assert set(COLUMNS) - set(EDITS) == {"id", "team_id", "number", "key_id"}


def test_another_key_number_or_team_is_found(books: Team, charlies_team: Team) -> None:
    row = numbered(books, 5)
    plant(("UPDATE billing_transfer SET key_id = '00000000' WHERE id = %s", [row.pk]))
    (difference,) = chain_found()
    assert says(difference, "chain_key", row)
    assert "that is not in LEDGER_KEYS" in difference.detail
    plant(
        ("UPDATE billing_transfer SET key_id = %s WHERE id = %s", [row.key_id, row.pk]),
        ("UPDATE billing_transfer SET number = 100 WHERE id = %s", [row.pk]),
    )
    (difference,) = chain_found()
    assert says(difference, "chain_gap", numbered(books, 6))
    assert difference.detail.startswith("number 5 is missing before it; rows behind it")
    move = "UPDATE billing_transfer SET number = 2, team_id = %s WHERE id = %s"
    field = Team._meta.pk
    plant((move, [field.get_db_prep_value(charlies_team.pk, connection), row.pk]))
    assert {(each.code, each.where.split()[1].rstrip(",")) for each in chain_found()} == {
        ("chain_gap", str(numbered(books, 6).pk)),
        ("chain_mac", str(row.pk)),
    }


def test_another_id_is_found_by_the_order(books: Team) -> None:
    row = numbered(books, 1)
    plant(("UPDATE billing_transfer SET id = 1000000 WHERE id = %s", [row.pk]))
    first, *others = chain_found()
    assert says(first, "chain_order", numbered(books, 2))
    # The funding account has it after Charlie's grant.
    assert [each.code for each in others] == ["chain_entry"]


def test_a_deleted_row_is_found_where_it_was(books: Team) -> None:
    row = numbered(books, 6)
    assert row.kind == "release"
    plant(("DELETE FROM billing_transfer WHERE id = %s", [row.pk]))
    (difference,) = chain_found()
    assert says(difference, "chain_gap", numbered(books, 7))
    assert difference.detail == "number 6 is missing before it"


def test_a_deleted_row_is_found_when_all_behind_it_are_renumbered(books: Team) -> None:
    plant(
        ("DELETE FROM billing_transfer WHERE id = %s", [numbered(books, 6).pk]),
        *renumbering(books, 6, -1),
    )
    first, *_ = chain_found()
    assert says(first, "chain_mac", numbered(books, 6))


def renumbering(team: Team, first: int, step: int) -> tuple[tuple[str, Sequence[Any]], ...]:
    """Move the numbers from one on, past the constraint that no two are alike."""
    key = Team._meta.pk.get_db_prep_value(team.pk, connection)
    away = "UPDATE billing_transfer SET number = -(number + %s) WHERE team_id = %s AND number >= %s"
    back = "UPDATE billing_transfer SET number = -number WHERE number < 0"
    return (away, [step, key, first]), (back, [])


def copying(row: Transfer, number: int) -> tuple[str, Sequence[Any]]:
    others = ", ".join(c for c in COLUMNS if c not in ("id", "number", "idempotency_key"))
    return (
        f"INSERT INTO billing_transfer ({others}, number, idempotency_key) "
        f"SELECT {others}, %s, 'planted' FROM billing_transfer WHERE id = %s",
        [number, row.pk],
    )


@pytest.mark.parametrize("number", [2, 9])
def test_an_inserted_row_is_found(books: Team, number: int) -> None:
    plant(*renumbering(books, number, 1), copying(numbered(books, 1), number))
    first, *_ = chain_found()
    assert says(first, "chain_mac", Transfer.objects.get(idempotency_key="planted"))


@pytest.mark.parametrize(
    ("columns", "code", "at"),
    [
        (("number",), "chain_mac", 5),
        (("number", "mac"), "chain_mac", 5),
        (("kind", "amount_nano_usd"), "chain_mac", 5),
        (("id",), "chain_order", 6),
    ],
)
def test_two_swapped_rows_are_found(
    books: Team, columns: tuple[str, ...], code: str, at: int
) -> None:
    one, other = numbered(books, 5), numbered(books, 6)
    values = {c: (getattr(one, c), getattr(other, c)) for c in columns}
    set_columns = "UPDATE billing_transfer SET {} WHERE idempotency_key = %s"
    away = {c: -1 if c in ("number", "id") else pair[0] for c, pair in values.items()}

    def setting(row: Transfer, new: dict[str, Any]) -> tuple[str, Sequence[Any]]:
        names_ = ", ".join(f"{c} = %s" for c in new)
        return set_columns.format(names_), [*new.values(), row.idempotency_key]

    plant(
        setting(one, away),
        setting(other, {c: pair[0] for c, pair in values.items()}),
        setting(one, {c: pair[1] for c, pair in values.items()}),
    )
    first, *others = chain_found()
    assert says(first, code, numbered(books, at))
    assert not others


def test_a_cut_tail_is_found_by_what_the_accounts_counted(books: Team) -> None:
    plant(("DELETE FROM billing_transfer WHERE id >= %s", [numbered(books, 7).pk]))
    wallet = f"wallet of {books.pk}"
    assert chain_found() == [
        Difference("chain_tail", wallet, "numbers 7 to 8 are missing at the end")
    ]
