"""People and programs at `POST /api/chat/stream` of a real server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.openai.program import QUICK, make_key
from tests.servers import TramServer
from tests.streams.reading import Caller

At = Callable[[str], Caller]
BOUNDS = {
    "MAX_RETRIES": "0",
    "MAX_SOCKETS_PER_PERSON": "3",
    "REVALIDATE_SECONDS": "60",
}


@pytest.fixture(scope="module")
def tram_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site with few streams for each; its relay misbehaves on request."""
    folder = tmp_path_factory.mktemp("tram")
    with TramServer(folder, server_template, BOUNDS, relay_options=QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def caller(tram_server: TramServer) -> Iterator[At]:
    """Whoever calls: `caller("alice")`, each signed in once."""
    callers: dict[str, Caller] = {}
    with ExitStack() as stack:

        def call_as(name: str) -> Caller:
            if name not in callers:
                client = tram_server.sign_in(name)
                stack.callback(client.close)
                callers[name] = Caller(client)
            return callers[name]

        yield call_as


@pytest.fixture(scope="module")
def key(tram_server: TramServer) -> str:
    """A key of Alice's."""
    return make_key(tram_server, "alice")
