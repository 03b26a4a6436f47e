"""The database's clock, told by the replay: its weeks pass while it plays."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import connection

_POSTGRESQL = (
    "CREATE SCHEMA IF NOT EXISTS replay",
    "CREATE OR REPLACE FUNCTION replay.statement_timestamp() RETURNS timestamptz "
    "LANGUAGE sql STABLE AS $$ SELECT current_setting('replay.now')::timestamptz $$",
    # Named before the system's own functions, it is the one that is found.
    "SET search_path TO replay, pg_catalog, public",
)


class DatabaseClock:
    """Says when "now" is, to the millisecond as SQLite does, for this connection alone."""

    def __init__(self) -> None:
        self._now = datetime(2025, 1, 1, tzinfo=UTC)

    def set(self, moment: datetime) -> None:
        """Let it be this moment from now on."""
        self._now = moment
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('replay.now', %s, false)", [moment.isoformat()])

    def strftime(self, _format: str, _now: str) -> str:
        """What SQLite's function of this name gives for the only format that is asked for."""
        moment = self._now.astimezone(UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


@contextmanager
def database_clock() -> Iterator[DatabaseClock]:
    """Take the place of the database's clock, until the `with` block ends."""
    clock = DatabaseClock()
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        # The second time SQLite sees that it replaces one, and forgets statements that are ready.
        for _ in range(2):
            connection.connection.create_function("STRFTIME", 2, clock.strftime)
        try:
            yield clock
        finally:
            connection.connection.create_function("STRFTIME", 2, None)
        return
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL:
            cursor.execute(statement)
        try:
            yield clock
        finally:
            cursor.execute("SET search_path TO DEFAULT")
