"""A newcomer's first ten minutes: clone, `make up`, sign in, ask the real model, Ctrl-C."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import lacking
from tests.processes import ROOT, free_port
from tests.socket_client import SocketClient

SET_UP_TIMEOUT_SECONDS = 420.0
WARM_TIMEOUT_SECONDS = 60.0
END_TIMEOUT_SECONDS = 30.0
# What the settings of this test run have put into the environment is not a newcomer's.
pytestmark = pytest.mark.slow
OURS = re.compile(
    r"^(HOLYSHEEP_|EMBEDDED_|TEST_|DJANGO_|PYTEST_|VIRTUAL_ENV|DATABASE_URL|REDIS_URL|SECRET_KEY"
    r"|DATA_DIR|HTTPS|STATIC_COLLECTED|ALLOWED_HOSTS|SIGNUP_CREDIT_USD)"
)


class Clone:
    """A clone of the committed tree, and `make up` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def up(self, timeout_seconds: float) -> str:
        """Run `make up` until it says that it is ready; give what it printed."""
        env = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        log = self.folder / "up.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "up"],
                cwd=self.folder,
                env=env | {"PORT": str(self.port)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if "Ctrl-C stops it." in (said := log.read_text()):
                return said
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    def interrupt(self) -> list[psutil.Process]:
        """Press Ctrl-C in the terminal of `make up`; give what is still alive after a while."""
        assert self.process is not None
        family = psutil.Process(self.process.pid).children(recursive=True)
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(END_TIMEOUT_SECONDS)
        _, alive = psutil.wait_procs(family, timeout=END_TIMEOUT_SECONDS)
        return list(alive)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        lacking("git, or this is no checkout")
    folder = tmp_path_factory.mktemp("clone") / "tram"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    made = Clone(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_fresh_clone_answers_after_one_command(clone: Clone) -> None:
    said = clone.up(SET_UP_TIMEOUT_SECONDS)
    assert clone.url in said
    assert "alice" in said
    assert "demo" in said
    assert httpx.get(clone.url + "/health").json()["status"] == "healthy"
    headers = _sign_in(clone.url)
    async with await SocketClient.open(f"ws://127.0.0.1:{clone.port}/ws/chat/", headers) as alice:
        accepted = await alice.chat("Say hello.", options={"max_tokens": 12})
        done = await alice.done(accepted["turn"])
    assert done["state"] == "completed"
    assert done["cost_nano_usd"] > 0
    if find_spec("xllamacpp"):
        assert accepted["model"] == "smollm2-135m"
    assert clone.interrupt() == []


def test_the_page_and_all_it_loads_are_served(clone: Clone) -> None:
    clone.up(WARM_TIMEOUT_SECONDS)
    page = httpx.get(clone.url + "/accounts/login/").text
    loaded = re.findall(r'(?:src|href)="(/static/[^"#]+)', page)
    assert any(path.endswith(".js") for path in loaded)
    for path in loaded:
        answer = httpx.get(clone.url + path)
        assert answer.status_code == 200, path
        for chunk in re.findall(r'from"(\./chunks/[^"]+)"|import\("(\./[^"]+)"\)', answer.text):
            name = (chunk[0] or chunk[1]).removeprefix("./")
            assert httpx.get(f"{clone.url}/static/{name}").status_code == 200, name
    assert clone.interrupt() == []


def _sign_in(url: str) -> dict[str, str]:
    with httpx.Client(base_url=url, headers={"Origin": url}, timeout=20) as client:
        client.get("/accounts/login/").raise_for_status()
        form = {
            "login": "alice",
            "password": "demo",
            "csrfmiddlewaretoken": client.cookies["tram-csrf"],
        }
        assert client.post("/accounts/login/", data=form).status_code == 302
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return {"Cookie": cookies, "Origin": url}
