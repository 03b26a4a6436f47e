"""`make up`, as a person starts and ends it, on a checkout that is set up."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.processes import ROOT, free_port

READY_TIMEOUT_SECONDS = 60.0
END_TIMEOUT_SECONDS = 20.0
LAUNCHER = [sys.executable, "-m", "config.embedded", "up"]


class Launcher:
    """The launcher as a process, what it printed, and the processes it started."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.port = free_port()
        self.log = data_dir.with_suffix(".log")
        self.env = kept | {"DATA_DIR": str(data_dir), "PORT": str(self.port)} | variables
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                LAUNCHER, cwd=ROOT, env=self.env, stdout=output, stderr=subprocess.STDOUT
            )

    def wait_until_ready(self) -> str:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            said = self.log.read_text()
            if "Ctrl-C stops it." in said:
                return said
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def family(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def end(self) -> None:
        for process in self.family():
            process.kill()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    started = Launcher(tmp_path / "data")
    try:
        yield started
    finally:
        started.end()


def all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=END_TIMEOUT_SECONDS)
    return not alive


def test_it_says_where_it_is_and_who_may_sign_in_and_ctrl_c_ends_everything(
    launcher: Launcher,
) -> None:
    said = launcher.wait_until_ready()
    assert f"http://127.0.0.1:{launcher.port}" in said
    assert "alice, bob or charlie, password: demo" in said
    answer = httpx.get(f"http://127.0.0.1:{launcher.port}/accounts/login/", follow_redirects=True)
    assert answer.status_code == 200
    family = launcher.family()
    assert len(family) >= 2
    relays = Path(launcher.env["DATA_DIR"]) / "embedded_relays"
    assert "demo=http://127.0.0.1:" in relays.read_text()
    launcher.process.send_signal(signal.SIGINT)
    assert launcher.process.wait(END_TIMEOUT_SECONDS) == 0
    assert all_gone(family)
    assert not relays.exists()


@pytest.mark.slow
def test_sigterm_ends_everything(launcher: Launcher) -> None:
    launcher.wait_until_ready()
    family = launcher.family()
    launcher.process.terminate()
    assert launcher.process.wait(END_TIMEOUT_SECONDS) == 0
    assert all_gone(family)


@pytest.mark.slow
def test_no_process_is_left_when_the_launcher_is_killed(launcher: Launcher) -> None:
    launcher.wait_until_ready()
    family = launcher.family()
    launcher.process.kill()
    assert all_gone(family)


@pytest.mark.slow
def test_the_secrets_are_kept_for_this_user_alone(launcher: Launcher) -> None:
    launcher.wait_until_ready()
    secrets = [
        Path(launcher.env["DATA_DIR"]) / name
        for name in ("secret_key", "relay_key_secrets", "ledger_keys")
    ]
    for secret in secrets:
        assert len(secret.read_text()) >= 50
        assert secret.stat().st_mode & 0o777 == 0o600
    assert len({secret.read_text() for secret in secrets}) == len(secrets)


def refusal(**variables: str) -> str:
    done = subprocess.run(
        LAUNCHER,
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        line = refusal(DATA_DIR=str(tmp_path), PORT=port)
    assert line.startswith(f"tram: cannot listen on 127.0.0.1 port {port} (")
    assert line.endswith("choose another with PORT")


@pytest.mark.parametrize("port", ["0", "70000", "http", "²"])
def test_a_port_that_is_none_is_one_clear_line(tmp_path: Path, port: str) -> None:
    line = refusal(DATA_DIR=str(tmp_path), PORT=port)
    assert line == "tram: PORT must be a whole number, 1 to 65535"


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    line = refusal(DATA_DIR=str(tmp_path / "file" / "data"), PORT=str(free_port()))
    assert line.endswith("cannot be written; choose another with DATA_DIR")


@pytest.mark.slow
def test_a_second_start_prepares_nothing_again(tmp_path: Path) -> None:
    for expected in (True, False):
        started = Launcher(tmp_path / "data")
        try:
            said = started.wait_until_ready()
        finally:
            started.end()
        assert ("Compressing static files" in said) == expected
        assert ("Preparing the database" in said) == expected
