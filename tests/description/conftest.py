"""A site with a key, and the description of its doors."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.description.described import Described
from tests.openai.program import QUICK, make_key
from tests.servers import TramServer

CREDIT_USD = "1000"
NO_LIMITS = {"MAX_RUNNING_BATCHES_PER_PERSON": "1000"}


@pytest.fixture(scope="module")
def site(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TramServer]:
    folder = tmp_path_factory.mktemp("described")
    with TramServer(folder, server_template, NO_LIMITS, relay_options=QUICK) as server:
        server.manage("grantcredit", "Demo", CREDIT_USD)
        yield server


@pytest.fixture(scope="module")
def key(site: TramServer) -> str:
    """A key of Alice's, who owns the demo team."""
    return make_key(site, "alice")


@pytest.fixture(scope="module")
def program(site: TramServer, key: str) -> Iterator[httpx.Client]:
    """A program with the key."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=site.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def told(site: TramServer) -> Described:
    """The description as the site gives it to anybody."""
    answer = httpx.get(f"{site.url}/api/openapi.json", trust_env=False)
    assert answer.status_code == 200
    return Described(answer.json())
