"""A plugin of pytest that makes the thousands of runs of `make mutate` quick and all alike.

The database is migrated once and copied for each run, what takes least runs first, and properties
are tried with the same examples every time.
"""

import gc
import sqlite3
from contextlib import closing
from typing import Any

import hypothesis
import pytest
from django.db.backends.sqlite3.creation import DatabaseCreation
from mutmut.state import state

_migrate = DatabaseCreation.create_test_db
_images: list[bytes] = []
WRITE_AHEAD = slice(18, 20)
"""Of the header of a database: how it is written. In memory there is no log to write ahead."""


def _create_test_db(self: Any, *arguments: Any, **named: Any) -> str:
    """Migrate in the first run of the process; in those that are forked from it, copy."""
    if not _images:
        name: str = _migrate(self, *arguments, **named)
        image = bytearray(self.connection.connection.serialize())
        image[WRITE_AHEAD] = b"\x01\x01"
        _images.append(bytes(image))
        return name
    name = self._get_test_db_name()
    self.connection.close()
    self.connection.settings_dict["NAME"] = name
    self.connection.ensure_connection()
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(_images[0])
        copy.backup(self.connection.connection)
    return name


def pytest_configure(config: pytest.Config) -> None:
    """Put the copy in the place of the migration."""
    DatabaseCreation.create_test_db = _create_test_db  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    """What is there when a run ends stays: those that are forked need not look through it."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quickest first; without chance."""
    hypothesis.settings.register_profile(
        "mutation",
        parent=hypothesis.settings.get_profile("tram"),
        derandomize=True,
        database=None,
        max_examples=20,
    )
    hypothesis.settings.load_profile("mutation")
    seconds = state().duration_by_test
    items.sort(key=lambda item: (seconds.get(item.nodeid, 0.0), item.nodeid))
