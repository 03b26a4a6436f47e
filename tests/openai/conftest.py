"""Programs with API keys, at a real server with the demo relay behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.stage import add_prices
from tests.openai.program import QUICK, Program, make_key
from tests.servers import TramServer
from tests.sharing import once_a_run
from tests.sockets.ended import TOKEN

LIMITS = {
    "METRICS_TOKEN": TOKEN,
    "ACK_TIMEOUT_SECONDS": "2",
    "REQUEST_TIMEOUT_SECONDS": "5",
    "MAX_RETRIES": "1",
    "RETRY_DELAY_MS": "10",
}


@pytest.fixture(scope="session")
def priced_template(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database in which every fault of the demo relay has a price."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        add_prices(server_template, folder)

    return once_a_run(tmp_path_factory, "priced", make) / server_template.name


@pytest.fixture(scope="module")
def tram_server(
    priced_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site with small bounds; its relay answers at once and misbehaves on request."""
    folder = tmp_path_factory.mktemp("tram")
    with TramServer(folder, priced_template, LIMITS, relay_options=QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def key(tram_server: TramServer) -> str:
    """A key of Alice's in the demo team."""
    return make_key(tram_server, "alice")


@pytest.fixture
def program(tram_server: TramServer, key: str) -> Iterator[Program]:
    """A program with Alice's key."""
    with Program(tram_server, key) as made:
        yield made
