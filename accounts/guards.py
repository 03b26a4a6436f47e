"""Triggers that keep the audit log append-only, on SQLite and PostgreSQL.

Migrations create them. A later migration that alters the table on SQLite makes Django copy it, and
a copy has no triggers: such a migration must call `create_guards` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "accounts_auditentry"
REFUSAL = "the audit log is append-only"


def create_guards(connection: BaseDatabaseWrapper) -> None:
    """Create every trigger that is not there."""
    statements = _postgresql() if connection.vendor == "postgresql" else _sqlite()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def drop_delete_guards(connection: BaseDatabaseWrapper) -> None:
    """Let entries be deleted again: for a test database, which is emptied between tests."""
    on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for act in ("delete", "truncate"):
            cursor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_refuse_{act}{on_table}")


def _sqlite() -> list[str]:
    statements = [
        f"CREATE TRIGGER IF NOT EXISTS {TABLE}_refuse_{act} BEFORE {act.upper()} ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for act in ("update", "delete")
    ]
    # INSERT OR REPLACE deletes the old row without firing the delete trigger.
    statements.append(
        f"CREATE TRIGGER IF NOT EXISTS {TABLE}_refuse_replace BEFORE INSERT ON {TABLE} "  # noqa: S608
        f"WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id) "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    )
    return statements


def _postgresql() -> list[str]:
    statements = [
        "CREATE OR REPLACE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    ]
    statements += [
        f"CREATE OR REPLACE TRIGGER {TABLE}_refuse_{act} BEFORE {act.upper()} ON {TABLE} "
        f"FOR EACH {level} EXECUTE FUNCTION accounts_refuse_change()"
        for act, level in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT"))
    ]
    return statements
