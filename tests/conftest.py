"""Fixtures for every test: servers in processes of their own, real services, a real browser.

What the machine lacks is skipped with a reason, and fails where `CI` is true.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest
from django.utils import translation
from pytest_django import DjangoDbBlocker

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.processes import Child
from tests.servers import TramServer, make_template
from tests.services.prepared import prepared_data
from tests.services.servers import PostgreSQL, ServiceMissing, Valkey, postgresql, valkey
from tests.sharing import once_a_run

# A busy machine must not fail a property: how long an example takes says nothing about it.
hypothesis.settings.register_profile(
    "tram", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tram")
Child.forks = True

LONGEST = (
    "tests/house/test_up",
    "tests/house/test_fresh_clone",
    "tests/sockets/test_language_model",
    "test_on_postgresql",
    "tests/journeys/",
    "tests/faults/",
    "tests/sockets/",
)
"""Modules that take longest begin first, so that no worker is left alone with one at the end."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the modules; within one everything stays as it is written."""

    def rank(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """A page that was asked for in another language leaves this thread in it."""
    yield
    translation.deactivate()


def lacking(what: str) -> None:
    """Skip the test because the machine lacks `what`; fail it in CI, where nothing may lack."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"this machine has no {what}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        lacking("Chromium")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def server_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with the demo people, to be copied by each test server."""
    return once_a_run(tmp_path_factory, "template", make_template) / "tram.sqlite3"


@pytest.fixture(scope="module")
def tram_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site and its demo relay as processes, for the tests of one module."""
    with TramServer(tmp_path_factory.mktemp("tram"), server_template) as server:
        yield server


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The test database, which must let itself be emptied: without the guards against deletion."""
    from django.db import connection

    with django_db_blocker.unblock():
        for guards in ("accounts.guards", "billing.guards"):
            import_module(guards).drop_delete_guards(connection)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A real PostgreSQL server of this test run; who ends it starts it again."""
    try:
        prepared = once_a_run(tmp_path_factory, "postgresql", prepared_data)
        # Not in pytest's folder, which the next run closes to the server's own user.
        with (
            tempfile.TemporaryDirectory(prefix="tram-postgresql-") as folder,
            postgresql(Path(folder), prepared / "data") as server,
        ):
            yield server
    except ServiceMissing as missing:
        lacking(str(missing))


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: PostgreSQL) -> str:
    """Address of the PostgreSQL server."""
    return postgresql_server.url


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A real Valkey server of this test run; who ends it starts it again."""
    try:
        with valkey(tmp_path_factory.mktemp("valkey")) as server:
            yield server
    except ServiceMissing as missing:
        lacking(str(missing))


@pytest.fixture(scope="session")
def valkey_url(valkey_server: Valkey) -> str:
    """Address of the Valkey server."""
    return valkey_server.url


@pytest.fixture(scope="session")
def clusters(
    postgresql_server: PostgreSQL, valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Clusters:
    """Makes clusters of site processes; `with clusters.make(nodes=3) as cluster: ...`."""
    return Clusters(postgresql_server, valkey_server, tmp_path_factory.mktemp("clusters"))


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Iterator[Cluster]:
    """Two nodes of one site on PostgreSQL and Valkey, for the tests of one module."""
    with clusters.make(nodes=2) as made:
        yield made
