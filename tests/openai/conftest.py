"""Programs with API keys, at a real server with the demo relay behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openai.program import QUICK, Program, make_key
from tests.servers import TramServer


@pytest.fixture(scope="module")
def tram_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site, whose relay answers at once; its log is read for what it did."""
    folder = tmp_path_factory.mktemp("tram")
    with TramServer(folder, server_template, relay_options=QUICK) as server:
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
