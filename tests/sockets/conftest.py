"""Open sockets on a real server, as Alice, Bob, Charlie or a viewer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.faults.nodes.reader import Reader
from tests.servers import TramServer
from tests.socket_client import SocketClient

OpenSocket = Callable[..., Awaitable[SocketClient]]
At = Callable[..., Awaitable[Reader]]
QUICK = ("--tokens-per-second", "400")
"""So that a long answer takes some four seconds."""


class SignedIn:
    """HTTP clients by name, each signed in once."""

    def __init__(self, server: TramServer) -> None:
        self.server = server
        self._clients: dict[str, httpx.Client] = {}

    def __call__(self, name: str) -> httpx.Client:
        if name not in self._clients:
            self._clients[name] = self.server.sign_in(name)
        return self._clients[name]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@pytest.fixture(scope="module")
def signed_in(tram_server: TramServer) -> Iterator[SignedIn]:
    """Sign people in: `signed_in("alice")` is an HTTP client with her session."""
    clients = SignedIn(tram_server)
    yield clients
    clients.close()


@pytest.fixture
async def open_socket(tram_server: TramServer, signed_in: SignedIn) -> AsyncIterator[OpenSocket]:
    """Open a socket as somebody: `await open_socket("alice")`. All are closed after the test."""
    async with AsyncExitStack() as stack:

        async def open_as(name: str, **options: bool) -> SocketClient:
            headers = tram_server.socket_headers(signed_in(name))
            client = await SocketClient.open(tram_server.ws_url, headers, **options)
            return await stack.enter_async_context(client)

        yield open_as


@pytest.fixture(
    scope="module",
    params=[True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["with Redis", "without Redis"],
)
def site(clusters: Clusters, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Two processes of one site."""
    with clusters.make(nodes=2, redis=request.param, relay_options=QUICK) as made:
        yield made


@pytest.fixture
async def at(site: Cluster) -> AsyncIterator[At]:
    """Open a client at a node: `await at(1, "charlie")`. All are closed after the test."""
    opened: list[Reader] = []

    async def open_at(node: int, username: str = "alice") -> Reader:
        opened.append(Reader(site, username))
        return await opened[-1].connect(node)

    yield open_at
    for reader in opened:
        await reader.close()
