"""The processes of an embedded Tram: started together, ended together."""

import http.client
import random
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import IO

from config.embedded.packages import PYTHON
from config.embedded.progress import ROOT, StepFailed, say, telling_line

START_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.05
FIRST_PORT, LAST_PORT = 20_000, 32_000
STOP_TIMEOUT_SECONDS = 10.0


class Child:
    """A program on a leash: it ends by `stop`, or by itself when this process is gone."""

    def __init__(
        self, name: str, *arguments: str, env: Mapping[str, str], log: Path | None = None
    ) -> None:
        self.name = name
        self.log = log
        output: IO[bytes] | int = log.open("wb") if log else subprocess.PIPE
        self._process = subprocess.Popen(
            [str(PYTHON), "-m", "config.embedded.leash", *arguments],
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            # Ctrl-C goes to the launcher alone, which then ends the others in order.
            start_new_session=True,
        )

    @property
    def status(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def first_line(self) -> str:
        """Wait for its first line of output, show the others; empty when it ended without one."""
        output = self._process.stdout
        assert output is not None
        line = output.readline().decode(errors="replace").strip()
        # What comes later, such as mail without a mail server, goes to the screen.
        threading.Thread(target=_show, args=(output,), daemon=True).start()
        return line

    def wait_until_serving(self, port: int) -> None:
        """Wait until it answers on `port`, its model loaded. Raises `StepFailed`."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self.status is None and time.monotonic() < deadline:
            if _serves(port):
                return
            time.sleep(POLL_SECONDS)
        self.stop()
        said = telling_line(self.log) if self.log else "no log"
        raise StepFailed(f"{self.name} did not start: {said}")

    def terminate(self) -> None:
        """Ask it to end, without waiting."""
        if self.status is None:
            self._process.terminate()

    def stop(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Ask it to end, wait, and end it for good if it does not; return its exit status."""
        self.terminate()
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _serves(port: int) -> bool:
    """A model server answers 503 until its model is loaded; 401 means that it wants a key."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/v1/models")
        return connection.getresponse().status != HTTPStatus.SERVICE_UNAVAILABLE
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _show(output: IO[bytes]) -> None:
    for line in output:
        say(line.decode(errors="replace").rstrip())


def free_port() -> int:
    """Return a port on loopback which nobody held a moment ago.

    Below the range from which systems take the ports of outgoing connections: one of those would
    otherwise hold it before the child does.
    """
    while True:
        port = random.SystemRandom().randint(FIRST_PORT, LAST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
