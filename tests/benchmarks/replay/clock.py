"""The database's clock, told by the replay: its weeks pass while it plays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection

# What Django and billing write for "now", before parameters are put in and after.
_NOW = {
    "sqlite": (
        "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')",
        "STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')",
    ),
    "postgresql": ("STATEMENT_TIMESTAMP()",),
}


class DatabaseClock:
    """Says when "now" is, to the millisecond as SQLite does, to statements of this connection.

    It changes the statements and nothing in the database: SQLite never forgets a function that
    once took the place of its own.
    """

    def __init__(self) -> None:
        self._names = _NOW[connection.vendor]
        self.set(datetime(2025, 1, 1, tzinfo=UTC))

    def set(self, moment: datetime) -> None:
        """Let it be this moment from now on."""
        moment = moment.astimezone(UTC)
        literal = f"'{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"
        if connection.vendor == "postgresql":
            self._literal = f"{literal}+00'::timestamptz"
        else:
            self._literal = f"{literal}'"

    def tell(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """Run a statement with the moment where it asks for it; a wrapper for `execute`."""
        for name in self._names:
            sql = sql.replace(name, self._literal)
        return execute(sql, params, many, context)


@contextmanager
def database_clock() -> Iterator[DatabaseClock]:
    """Take the place of the database's clock, until the `with` block ends."""
    clock = DatabaseClock()
    with connection.execute_wrapper(clock.tell):
        yield clock
