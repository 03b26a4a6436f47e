"""Runs management commands in forks of a process that has the libraries loaded already.

`manage.py` spends most of its time on imports, and the tests call it a hundred times. A fork has
its own environment, settings and database connections, as a new process has: nothing of ours is
imported before it.
"""

import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
LIBRARIES = (
    "aiohttp",
    "channels.layers",
    "cryptography.fernet",
    "django.core.management",
    "django.db.backends.sqlite3.base",
    "django.test",
    "httpx",
    "openpyxl",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "redis.asyncio",
    "structlog",
    "tablib",
    "twisted.internet.defer",
    "websockets",
    "yaml",
)
"""What takes long to import and needs no settings."""
_OUTPUTS = 2


class Forked:
    """A `manage.py` that runs, with so much of `subprocess.Popen` as the tests need.

    `stdout` and `stderr` are descriptors, open for writing.
    """

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str], stdout: int, stderr: int
    ) -> None:
        self.returncode: int | None = None
        self._call = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._call.connect(_address())
        socket.send_fds(self._call, [b"."], [stdout, stderr])
        request = json.dumps({"arguments": list(arguments), "env": dict(env)})
        self._call.sendall(request.encode())
        self._call.shutdown(socket.SHUT_WR)
        self._said = self._call.makefile("rb")
        self.pid = int(self._said.readline())

    def poll(self) -> int | None:
        """The status, if it has ended."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """The status, once it has ended; raises `subprocess.TimeoutExpired`."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("manage.py", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """As `Popen` does: nothing to one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash would."""
        self.send_signal(signal.SIGKILL)

    def _status(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._call], [], [], timeout)[0]:
            self.returncode = int(self._said.readline())
            self._said.close()
            self._call.close()
        return self.returncode


def run_manage(
    arguments: Sequence[str], env: Mapping[str, str], timeout_seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` as `subprocess.run` would; raises `subprocess.TimeoutExpired`."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        command = Forked(arguments, env, stdout.fileno(), stderr.fileno())
        try:
            status = command.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            command.kill()
            raise
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(
            ["manage.py", *arguments], status, stdout.read(), stderr.read()
        )


@cache
def _address() -> str:
    """Start the nursery of this process, which ends with it; return where it listens."""
    folder = tempfile.mkdtemp(prefix="tram-nursery-")
    address = f"{folder}/door"
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.nursery", address], cwd=ROOT, stdin=subprocess.PIPE
    )
    until = time.monotonic() + START_SECONDS
    while not Path(address).exists():
        assert nursery.poll() is None, "the nursery did not start"
        assert time.monotonic() < until, "the nursery does not listen"
        time.sleep(0.02)
    _KEPT.append(nursery)
    return address


_KEPT: list[subprocess.Popen[bytes]] = []
"""Its standard input is open as long as somebody may call."""


def main(address: str) -> None:
    """Fork for every caller until nobody is left who might call."""
    for name in LIBRARIES:
        import_module(name)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{address}.made")
    listener.listen(32)
    Path(f"{address}.made").rename(address)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            break
        call, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(call)
        call.close()
    Path(address).unlink()
    Path(address).parent.rmdir()


def _answer(call: socket.socket) -> None:
    """Have one caller's command run in a fork of its own; tell its number, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, outputs, _, _ = socket.recv_fds(call, 1, _OUTPUTS)
    request = json.loads(b"".join(iter(lambda: call.recv(65536), b"")))
    pid = os.fork()
    if pid == 0:
        call.close()
        _become_manage(request["arguments"], request["env"], outputs)
    for output in outputs:
        os.close(output)
    call.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        call.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become_manage(arguments: list[str], env: dict[str, str], outputs: list[int]) -> None:
    for number, output in enumerate((os.open(os.devnull, os.O_RDONLY), *outputs)):
        os.dup2(output, number)
        os.close(output)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["manage.py", *arguments]
    status = 0
    try:
        runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
