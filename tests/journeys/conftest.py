"""A browser, a site with a quick demo relay, and people at their desks."""

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from config.embedded.page import build_page
from config.embedded.progress import StepFailed
from tests.journeys.afresh import SharedSite
from tests.journeys.desk import Cookies, Desks
from tests.journeys.launching import FLAGS
from tests.journeys.relay import QUICK_RELAY, RelayScripts
from tests.servers import TramServer


@pytest.fixture(scope="session")
def built_page() -> None:
    """Build the browser's code where it is absent or older than its sources."""
    with (Path(tempfile.gettempdir()) / "tram-page-build.lock").open("w") as lock:
        # Two workers must not build at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            build_page()
        except StepFailed as failure:
            pytest.fail(f"the browser's code could not be built: {failure}", pytrace=False)


@pytest.fixture(scope="package")
def shared_site(
    built_page: None, server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedSite]:
    """Run a site whose relay answers as fast as it is read, for all modules of one worker."""
    folder = tmp_path_factory.mktemp("site")
    # A socket that was being opened while its session ended is noticed at the next look.
    env = {
        "RETRY_DELAY_MS": "50",
        "REVALIDATE_SECONDS": "3",
        "RELAY_MODELS_TTL_SECONDS": "0.5",
    }
    with TramServer(folder, server_template, env, relay_options=QUICK_RELAY) as server:
        yield SharedSite(server)


@pytest.fixture(scope="module")
def site(shared_site: SharedSite) -> TramServer:
    """Find the shared site as it was at first; a module may have a site of its own instead."""
    shared_site.begin_afresh()
    return shared_site.server


@pytest.fixture(scope="module")
def relay(site: TramServer) -> RelayScripts:
    """Say what the relay does with the next request."""
    return RelayScripts(site)


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Run Chromium for the journeys: the loop of Playwright must not outlive them."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(site: TramServer, request: pytest.FixtureRequest) -> dict[str, Cookies]:
    """Cookies of each person, once signed in."""
    if "shared_site" in request.fixturenames:
        shared: SharedSite = request.getfixturevalue("shared_site")
        return shared.cookies()
    return {}


@pytest.fixture
def desks(browser: Browser, site: TramServer, signed_in: dict[str, Cookies]) -> Iterator[Desks]:
    """Give people a browser each: `desks("alice")`.

    The test fails if any page wrote an error to its console, broke the content security policy,
    opened a dialog or asked a foreign host for anything.
    """
    people = Desks(browser, site, signed_in)
    yield people
    people.close()
    people.watch.assert_clean()
