"""Makes the clusters of a test run, each in a copy of one prepared database."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg

from tests.cluster import Cluster
from tests.services.prepared import PEOPLED, prepare
from tests.services.servers import PostgreSQL, Valkey


class Clusters:
    """Makes clusters, one after the other, on one PostgreSQL and one Valkey."""

    def __init__(self, postgresql: PostgreSQL, valkey: Valkey, folder: Path) -> None:
        self.postgresql, self.valkey, self._folder = postgresql, valkey, folder
        self._numbers = itertools.count()

    def make(
        self,
        *,
        nodes: int = 2,
        redis: bool = True,
        doors: bool = False,
        env: Mapping[str, str] | None = None,
        relay_options: Sequence[str] = (),
    ) -> Cluster:
        """A cluster to be used with `with`, in a database of its own. `env` is for all nodes; the
        nodes that `add` makes later start with `start`."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        database = f"tram_{folder.name}"
        prepare(self.postgresql, self._folder)
        self._copy(database)
        with ExitStack() as undo:
            made = Cluster(
                folder,
                self.postgresql,
                self.valkey if redis else None,
                database,
                env=env or {},
                relay_options=relay_options,
                doors=doors,
            )
            undo.callback(made.close)
            for _ in range(nodes):
                made.add()
            undo.pop_all()
        return made

    def _copy(self, database: str) -> None:
        with psycopg.connect(self.postgresql.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{PEOPLED}"'.encode())
