"""Triggers that keep ledger rows as they were written, on SQLite and PostgreSQL.

Migrations create them. A later migration that alters one of these tables on SQLite makes Django
copy the table, and a copy has no triggers: such a migration must call `create_guards` again.
`verifyledger` reports a guard that is missing.
"""

from collections.abc import Iterator

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
UNIQUE_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "billing_transfer": (("idempotency_key",), ("team_id", "number")),
    "billing_hold": (("subject",), ("transfer_id",)),
    "billing_holdbudget": (("hold_id", "budget_id"),),
    "billing_settlement": (("subject",), ("hold_id",)),
    "billing_account": (("kind", "team_id"),),
}
"""By what a row of SQLite could be replaced, besides its id."""
_FUNCTION = "billing_refuse_change"
_BODY = (
    " BEGIN RAISE EXCEPTION '%: ledger rows are never changed', TG_TABLE_NAME "
    "USING ERRCODE = 'restrict_violation'; END "
)


def guard_names(vendor: str) -> set[str]:
    """The names of all triggers on "sqlite" or "postgresql"."""
    names = {f"{table}_refuse_update" for table in IMMUTABLE_TABLES}
    names |= {f"{table}_refuse_delete" for table in IMMUTABLE_TABLES + KEPT_TABLES}
    if vendor == "postgresql":
        return names | {f"{table}_refuse_truncate" for table in IMMUTABLE_TABLES + KEPT_TABLES}
    return names | {f"{table}_refuse_replace" for table in IMMUTABLE_TABLES + KEPT_TABLES}


def create_guards(connection: BaseDatabaseWrapper) -> None:
    """Create every trigger anew. Needs no transaction of its own.

    An early migration calls it before the later tables and columns are made: it guards by those
    that are there.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql "
                f"AS $${_BODY}$$"
            )
        for name, (table, statement) in _guards(connection).items():
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
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
    """The names of triggers that are not there as they were made, or are switched off."""
    found = _postgresql_triggers if connection.vendor == "postgresql" else _sqlite_triggers
    there = found(connection)
    wanted = {name: statement for name, (_, statement) in _guards(connection).items()}
    gone = guard_names(connection.vendor) - wanted.keys()
    return gone | {name for name, statement in wanted.items() if there.get(name) != statement}


def _sqlite_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return dict(cursor.fetchall())


def _postgresql_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Those that fire in every session and still refuse, by what they say."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, pg_get_triggerdef(t.oid, true) FROM pg_trigger t "
            "JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgenabled IN ('O', 'A') AND p.proname = %s AND p.prosrc = %s",
            [_FUNCTION, _BODY],
        )
        return dict(cursor.fetchall())


def _guards(connection: BaseDatabaseWrapper) -> dict[str, tuple[str, str]]:
    """Each trigger's name, with its table and its statement as the database gives it back."""
    with connection.cursor() as cursor:
        made = set(connection.introspection.table_names(cursor))
        write = _postgresql if connection.vendor == "postgresql" else _sqlite
        guards: dict[str, tuple[str, str]] = {}
        for table in IMMUTABLE_TABLES + KEPT_TABLES:
            if table in made:
                columns = connection.introspection.get_table_description(cursor, table)
                for name, statement in write(table, {each.name for each in columns}):
                    guards[name] = table, statement
    return guards


def _sqlite(table: str, columns: set[str]) -> Iterator[tuple[str, str]]:
    for act in ("update", "delete") if table in IMMUTABLE_TABLES else ("delete",):
        name = f"{table}_refuse_{act}"
        yield (
            name,
            f"CREATE TRIGGER {name} BEFORE {act.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: ledger rows are never changed'); END",
        )
    # INSERT OR REPLACE deletes the old row without firing the delete trigger.
    name = f"{table}_refuse_replace"
    keys = (key for key in UNIQUE_KEYS.get(table, ()) if columns.issuperset(key))
    same = [" AND ".join(f"{column} IS NEW.{column}" for column in key) for key in (("id",), *keys)]
    row = f"SELECT 1 FROM {table} WHERE {' OR '.join(same)}"  # noqa: S608 - constants
    yield (
        name,
        f"CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN EXISTS ({row}) "
        f"BEGIN SELECT RAISE(ABORT, '{table}: ledger rows are never replaced'); END",
    )


def _postgresql(table: str, _columns: set[str]) -> Iterator[tuple[str, str]]:
    acts = [("delete", "ROW"), ("truncate", "STATEMENT")]
    for act, level in [("update", "ROW"), *acts] if table in IMMUTABLE_TABLES else acts:
        name = f"{table}_refuse_{act}"
        yield (
            name,
            f"CREATE TRIGGER {name} BEFORE {act.upper()} ON {table} "
            f"FOR EACH {level} EXECUTE FUNCTION {_FUNCTION}()",
        )
