"""Child processes of tests: started, watched, and ended without fail."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from config.embedded.children import free_port as free_port
from tests.nursery import Forked

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_SECONDS = 90.0
STOP_TIMEOUT_SECONDS = 30.0


class ServerDidNotStart(Exception):
    """The process ended, or said nothing, before it was ready."""


class Child:
    """A process of ours with its output in a file; ended when the `with` block is left."""

    forks = False
    """Whether `manage.py` begins with its libraries loaded; what is measured has none."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self.arguments = [sys.executable, *arguments]
        self.env = dict(env)
        self.log_path = log
        self._process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        with self.log_path.open("ab") as output:
            _, *arguments = self.arguments
            if Child.forks and arguments[0] == "manage.py":
                number = output.fileno()
                self._process = Forked(arguments[1:], self.env, number, number)
                return
            self._process = subprocess.Popen(
                self.arguments, cwd=ROOT, env=self.env, stdout=output, stderr=subprocess.STDOUT
            )

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would: no drain, no goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Ask it to end (SIGTERM) and return its exit status."""
        if self._process is None:
            return 0
        if self.running():
            self.send(signal.SIGTERM)
        return self.wait(timeout_seconds)

    def wait(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Return its exit status once it has ended, as it was told before."""
        assert self._process is not None
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end:\n{self.log[-4000:]}") from None


def wait_for_line(child: Child, pattern: re.Pattern[str], start: int = 0) -> str:
    """Return the first group of `pattern` once the child has printed it."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        found = pattern.search(child.log, start)
        if found:
            return found.group(1)
        if not child.running():
            break
        time.sleep(0.02)
    raise ServerDidNotStart(child.log[-4000:])


def wait_for_port(child: Child, port: int) -> None:
    """Return once something listens on the loopback `port`."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while child.running() and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise ServerDidNotStart(child.log[-4000:])
