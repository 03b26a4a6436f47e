"""Ledger rows stay as they were written, whoever asks the database."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Team, User
from billing.guards import (
    IMMUTABLE_TABLES,
    KEPT_TABLES,
    create_guards,
    drop_delete_guards,
    guard_names,
    missing_guards,
)
from billing.markups import set_markup
from billing.models import Hold, HoldBudget, Markup, PriceVersion, Settlement, Transfer
from tests.billing.conftest import give, hold_for, settle_as


@pytest.fixture
def guarded(team: Team, alice: User, priced: str) -> Iterator[None]:
    """A settled turn in a database with all its guards, as in production."""
    give(team, "1")
    hold_for(team, alice, "turn:1")
    settle_as("turn:1", 10, 10)
    set_markup(1250)
    create_guards(connection)
    yield
    drop_delete_guards(connection)


def refused(statement: str) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(statement)
        except IntegrityError as error:
            return "never" in str(error)
    return False


@pytest.mark.parametrize("model", [Transfer, Hold, PriceVersion, Markup])
def test_a_ledger_row_cannot_be_changed_or_deleted(
    guarded: None, model: type[Transfer | Hold | PriceVersion | Markup]
) -> None:
    table, row = model._meta.db_table, model.objects.latest("pk").pk
    assert refused(f"UPDATE {table} SET id = id WHERE id = {row}")
    assert refused(f"DELETE FROM {table} WHERE id = {row}")


def test_a_settlement_may_be_reconciled_but_not_deleted(guarded: None) -> None:
    assert not refused("UPDATE billing_settlement SET quality = 'reconciled'")
    assert Settlement.objects.get().quality == "reconciled"
    assert refused("DELETE FROM billing_settlement")


def test_a_ledger_row_cannot_be_replaced(guarded: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite knows INSERT OR REPLACE")
    columns = (
        "kind, team_id, debit_id, credit_id, amount_nano_usd, subject, overrun, note, created_at"
    )
    for key in ("id, idempotency_key", "id + 100, idempotency_key", "id, 'another key'"):
        assert refused(
            f"INSERT OR REPLACE INTO billing_transfer ({columns}, id, idempotency_key) "
            f"SELECT {columns}, {key} FROM billing_transfer WHERE kind = 'hold'"
        )


def test_a_ledger_row_cannot_be_replaced_by_its_number(guarded: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite knows INSERT OR REPLACE")
    for model, new in (
        (Transfer, {"id": "id + 100", "idempotency_key": "'another key'"}),
        (HoldBudget, {"id": "id + 100"}),
        (Settlement, {"id": "id + 100", "hold_id": "hold_id + 100"}),
    ):
        columns = [str(field.column) for field in model._meta.concrete_fields]
        values = ", ".join(new.get(column, column) for column in columns)
        assert refused(
            f"INSERT OR REPLACE INTO {model._meta.db_table} ({', '.join(columns)}) "
            f"SELECT {values} FROM {model._meta.db_table}"
        )
        assert model.objects.filter(pk=model.objects.earliest("pk").pk).exists()


HOLLOW = {
    "sqlite": (
        "DROP TRIGGER billing_hold_refuse_update",
        "CREATE TRIGGER billing_hold_refuse_update BEFORE UPDATE ON billing_hold WHEN 0 "
        "BEGIN SELECT RAISE(ABORT, 'billing_hold: ledger rows are never changed'); END",
    ),
    "postgresql": (
        "SET CONSTRAINTS ALL IMMEDIATE",
        "ALTER TABLE billing_hold ENABLE REPLICA TRIGGER billing_hold_refuse_update",
    ),
}


def test_a_guard_that_guards_nothing_is_found(guarded: None) -> None:
    with connection.cursor() as cursor:
        for statement in HOLLOW[connection.vendor]:
            cursor.execute(statement)
    assert not refused("UPDATE billing_hold SET id = id")
    assert missing_guards(connection) == {"billing_hold_refuse_update"}
    create_guards(connection)
    assert missing_guards(connection) == set()


def test_guards_by_a_function_that_was_emptied_are_found(guarded: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL's triggers call a function")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION billing_refuse_change() RETURNS trigger "
            "LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
        )
    assert missing_guards(connection) == guard_names(connection.vendor)
    create_guards(connection)
    assert missing_guards(connection) == set()


def test_a_ledger_cannot_be_truncated(guarded: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL knows TRUNCATE")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert refused("TRUNCATE billing_transfer CASCADE")


def test_every_guard_is_there_after_migrating(guarded: None) -> None:
    assert missing_guards(connection) == set()
    with connection.cursor() as cursor:
        on = " ON billing_hold" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER billing_hold_refuse_update{on}")
    assert missing_guards(connection) == {"billing_hold_refuse_update"}
    create_guards(connection)


def test_every_missing_guard_is_named(guarded: None) -> None:
    names = guard_names(connection.vendor)
    assert {f"{table}_refuse_delete" for table in IMMUTABLE_TABLES + KEPT_TABLES} < names
    with connection.cursor() as cursor:
        for name in names:
            on = f" ON {name.rsplit('_refuse_', 1)[0]}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")
    assert missing_guards(connection) == names
    create_guards(connection)
    assert missing_guards(connection) == set()
