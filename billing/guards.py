"""Triggers that keep ledger rows as they were written, on SQLite and PostgreSQL.

Migrations create them. A later migration that alters one of these tables on SQLite makes Django
copy the table, and a copy has no triggers: such a migration must call `create_guards` again.
`verifyledger` reports a guard that is missing.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

IMMUTABLE_TABLES = (
    "billing_transfer",
    "billing_hold",
    "billing_holdbudget",
    "billing_priceversion",
    "billing_markup",
    "billing_exchangerate",
    "billing_reconciliationfinding",
)
KEPT_TABLES = ("billing_settlement", "billing_account")
"""Their rows may change (quality, cached counters) but never go."""
SAME_KEY = {
    "billing_transfer": " OR idempotency_key = NEW.idempotency_key",
    "billing_hold": " OR subject = NEW.subject OR transfer_id = NEW.transfer_id",
}
"""By what a row of SQLite could be replaced, besides its id."""


def guard_names(vendor: str) -> set[str]:
    """The names of all triggers on "sqlite" or "postgresql"."""
    names = {f"{table}_refuse_update" for table in IMMUTABLE_TABLES}
    names |= {f"{table}_refuse_delete" for table in IMMUTABLE_TABLES + KEPT_TABLES}
    if vendor == "postgresql":
        return names | {f"{table}_refuse_truncate" for table in IMMUTABLE_TABLES + KEPT_TABLES}
    return names | {f"{table}_refuse_replace" for table in IMMUTABLE_TABLES}


def create_guards(connection: BaseDatabaseWrapper) -> None:
    """Create every trigger that is not there. Needs no transaction of its own.

    An early migration calls it before the later tables are made: it guards those that are there.
    """
    with connection.cursor() as cursor:
        made = set(connection.introspection.table_names(cursor))
        immutable = tuple(table for table in IMMUTABLE_TABLES if table in made)
        write = _postgresql if connection.vendor == "postgresql" else _sqlite
        for statement in write(immutable):
            cursor.execute(statement)


def drop_delete_guards(connection: BaseDatabaseWrapper) -> None:
    """Let rows be deleted again: for a test database, which is emptied between tests."""
    with connection.cursor() as cursor:
        for table in IMMUTABLE_TABLES + KEPT_TABLES:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_refuse_delete ON {table}")
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_refuse_truncate ON {table}")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_refuse_delete")


def missing_guards(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of triggers that should be there and are not, or are switched off."""
    catalogue = (
        "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(catalogue)
        return guard_names(connection.vendor) - {name for (name,) in cursor.fetchall()}


def _sqlite(immutable: tuple[str, ...]) -> list[str]:
    def rows_of(table: str) -> str:
        return f"SELECT 1 FROM {table}"  # noqa: S608 - the tables are constants

    refusals = [(table, "update") for table in immutable]
    refusals += [(table, "delete") for table in immutable + KEPT_TABLES]
    statements = [
        f"CREATE TRIGGER IF NOT EXISTS {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table}: ledger rows are never changed'); END"
        for table, act in refusals
    ]
    # INSERT OR REPLACE deletes the old row without firing the delete trigger.
    statements += [
        f"CREATE TRIGGER IF NOT EXISTS {table}_refuse_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS ({rows_of(table)} WHERE id = NEW.id{SAME_KEY.get(table, '')}) "
        f"BEGIN SELECT RAISE(ABORT, '{table}: ledger rows are never replaced'); END"
        for table in immutable
    ]
    return statements


def _postgresql(immutable: tuple[str, ...]) -> list[str]:
    statements = [
        "CREATE OR REPLACE FUNCTION billing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '%: ledger rows are never changed', TG_TABLE_NAME "
        "USING ERRCODE = 'restrict_violation'; END $$"
    ]
    guards = [(table, "update", "ROW") for table in immutable]
    for table in immutable + KEPT_TABLES:
        guards += [(table, "delete", "ROW"), (table, "truncate", "STATEMENT")]
    statements += [
        f"CREATE OR REPLACE TRIGGER {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
        f"FOR EACH {level} EXECUTE FUNCTION billing_refuse_change()"
        for table, act, level in guards
    ]
    return statements
