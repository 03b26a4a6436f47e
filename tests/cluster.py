"""Clusters for tests: several `manage.py serve` processes of one site, with all they share.

The processes ("nodes") share one PostgreSQL database, one Valkey (or none), one demo relay and one
secret key; each has a port and a data folder of its own. One login works at all of them.

    async def test_a_neighbour_sees_the_answer(cluster: Cluster) -> None:   # two nodes of a module
        async with await cluster.open("alice", 0) as alice:
            accepted = await alice.chat("Write something long", model="gpt-4.1")
        cluster[0].kill()                                  # kill -9; `.start()` starts it again
        cluster[0].signal(signal.SIGSTOP)                  # and SIGCONT; `.terminate()` drains
        cluster.rows("select state from chat_turn where id = %s", accepted["turn"])

    with clusters.make(nodes=3, redis=False, env={"LEASE_SECONDS": "3"}) as cluster: ...
    with clusters.make(nodes=2, doors=True) as cluster:    # fault proxies before both services
        cluster.redis_door.mute(); cluster.redis_door.shut(); cluster.redis_door.open()
    cluster.relay.requests(); cluster.relay.streams()      # the relay's own log
    cluster.valkey.kill(); cluster.valkey.start()          # the same port; it keeps nothing
    cluster.postgresql.stop(); cluster.postgresql.start()  # the same port and data

`clusters` is a session's fixture, `cluster` a module's with two nodes. The database is copied from
a template that is migrated once a session: alice, bob and charlie exist, every model of the relay
that has a price there has it here, faults too, and every team has 100 USD more than in the demo.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg

from tests.faults.doorkeeper import KeptDoor
from tests.processes import free_port
from tests.relay_process import DemoRelayProcess
from tests.servers import RELAY_KEY, TramServer
from tests.services.servers import PostgreSQL, Valkey
from tests.socket_client import SocketClient

MOST_NODES = 8
"""So many origins are allowed from the start, so that nodes may be added."""
ROOMY = {
    "MAX_TURNS_PER_PERSON": "1000",
    "MAX_SOCKETS_PER_PERSON": "1000",
    "MAX_SOCKETS_PER_ADDRESS": "10000",
    "MAX_CONNECTIONS_PER_ADDRESS": "10000",
    "FRAMES_PER_SECOND": "10000",
    "FRAMES_BURST": "10000",
}
"""Limits that no test of a cluster runs into; all times are the product's own."""


class Node(TramServer):
    """One process of a cluster."""

    def __init__(self, folder: Path, env: Mapping[str, str], arguments: Sequence[str]) -> None:
        super().__init__(folder, env=env, relay=False, arguments=arguments)
        self.url = f"http://127.0.0.1:{self.env['PORT']}"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the cluster's database."""
        return rows_of(self.env["DATABASE_URL"], query, *values)


class Cluster:
    """Some nodes; `cluster[i]` is one of them. Those that were asked for run from the start."""

    def __init__(
        self,
        folder: Path,
        postgresql: PostgreSQL,
        valkey: Valkey | None,
        database: str,
        *,
        env: Mapping[str, str],
        relay_options: Sequence[str],
        doors: bool,
    ) -> None:
        self.folder, self.postgresql = folder, postgresql
        self._valkey = valkey
        self._doors: dict[str, KeptDoor] = {}
        self._direct_url = postgresql.url.replace("/postgres", f"/{database}")
        self._nodes: list[Node] = []
        self._ports = [free_port() for _ in range(MOST_NODES)]
        self._people: dict[str, httpx.Client] = {}
        self.relay = DemoRelayProcess(folder / "relay", relay_options)
        self.env: dict[str, str] = {
            "ORIGINS": ",".join(f"http://127.0.0.1:{port}" for port in self._ports),
            "EMBEDDED_RELAYS": f"demo={self.relay.url}",
            "EMBEDDED_RELAY_KEY": RELAY_KEY,
            "RELAY_KEY_SECRETS": "for-test-clusters-only-" + "z" * 32,
            **ROOMY,
        }
        self.env.update(self._services(doors))
        self.env.update(env)

    def __getitem__(self, index: int) -> Node:
        return self._nodes[index]

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def valkey(self) -> Valkey:
        """The Redis of the cluster."""
        assert self._valkey is not None, "this cluster has no Redis"
        return self._valkey

    @property
    def redis_door(self) -> KeptDoor:
        """What stands before Redis, where `doors` were asked for."""
        return self._doors["redis"]

    @property
    def database_door(self) -> KeptDoor:
        """What stands before PostgreSQL, where `doors` were asked for."""
        return self._doors["database"]

    def add(self, env: Mapping[str, str] | None = None, arguments: Sequence[str] = ()) -> Node:
        """Add a node, not started; `env` and the arguments of `serve` are its own."""
        own = {"PORT": str(self._ports[len(self._nodes)]), **self.env, **(env or {})}
        node = Node(self.folder / f"node{len(self._nodes)}", own, arguments)
        self._nodes.append(node)
        return node

    def start(self) -> None:
        """Start the relay and all nodes that do not run, at once."""
        self.relay.start()
        asleep = [node for node in self._nodes if not node.running()]
        with ThreadPoolExecutor(max(1, len(asleep))) as threads:
            for started in [threads.submit(node.start) for node in asleep]:
                started.result()

    def close(self) -> None:
        """End everything at once, and forget who was signed in."""
        for person in self._people.values():
            person.close()
        for node in self._nodes:
            node.close()
        self.relay.kill()
        for door in self._doors.values():
            door.close()
        self._drop_database()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the database, past any door; `%s` stands for a value. Text ids are UUIDs to it."""
        return rows_of(self._direct_url, query, *values)

    def run(self, statement: str, *values: Any) -> None:
        """Change the database, past any door."""
        with self.connect() as connection:
            connection.execute(statement, values)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the test's own, past any door, for locks and the like."""
        return psycopg.connect(self._direct_url)

    def sign_in(self, username: str, at: int = 0) -> httpx.Client:
        """A client of this person's at a node; the first call signs in, and that login is good at
        every node. Owned by the cluster."""
        if username not in self._people:
            self._people[username] = self._nodes[at].sign_in(username)
        return self._people[username]

    def forget(self, username: str) -> None:
        """Close the client of who is signed in; sign in anew the next time."""
        if username in self._people:
            self._people.pop(username).close()

    def headers(self, username: str, at: int = 0) -> dict[str, str]:
        """Headers that open a socket at a node as this person."""
        return self._nodes[at].socket_headers(self.sign_in(username, at))

    def page(self, username: str, at: int = 0) -> httpx.Client:
        """Another client with the person's login, of the node `at`; close it."""
        person, node = self.sign_in(username, at), self._nodes[at]
        return httpx.Client(
            base_url=node.url,
            cookies=person.cookies,
            headers={"Origin": node.url, "X-CSRFToken": person.headers["X-CSRFToken"]},
            timeout=20,
        )

    async def open(self, username: str, at: int = 0, **options: Any) -> SocketClient:
        """Open a socket at a node; the person signs in once. `options` are SocketClient.open's."""
        return await SocketClient.open(
            self._nodes[at].ws_url, self.headers(username, at), **options
        )

    def manage(self, *arguments: str) -> str:
        """Run a management command on the shared database and return what it printed."""
        return self._nodes[0].manage(*arguments)

    def _services(self, doors: bool) -> dict[str, str]:
        """Addresses of database and Redis, behind doors where these were asked for."""
        found = {"DATABASE_URL": self._direct_url}
        if self._valkey is not None:
            found["REDIS_URL"] = self._valkey.url
        if not doors:
            return found
        services = {"DATABASE_URL": ("database", self.postgresql.port)}
        if self._valkey is not None:
            services["REDIS_URL"] = ("redis", self._valkey.port)
        for variable, (name, port) in services.items():
            door = self._doors[name] = KeptDoor(port)
            found[variable] = found[variable].replace(f":{port}/", f":{door.port}/")
        return found

    def _drop_database(self) -> None:
        database = self._direct_url.rsplit("/", 1)[1]
        with psycopg.connect(self.postgresql.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'.encode())

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def rows_of(database_url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Read a PostgreSQL database."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(query.encode(), values).fetchall()
