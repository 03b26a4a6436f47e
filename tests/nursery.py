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


def run_manage(
    arguments: Sequence[str], env: Mapping[str, str], timeout_seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` as `subprocess.run` would; raises `TimeoutError`."""
    with (
        tempfile.TemporaryFile("w+") as stdout,
        tempfile.TemporaryFile("w+") as stderr,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as call,
    ):
        call.connect(_address())
        call.settimeout(timeout_seconds)
        request = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
        socket.send_fds(call, [b"."], [stdout.fileno(), stderr.fileno()])
        call.sendall(request)
        call.shutdown(socket.SHUT_WR)
        status = call.recv(16)
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(
            ["manage.py", *arguments], int(status or b"-1"), stdout.read(), stderr.read()
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
    """Be `manage.py` for one caller, tell the status, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, outputs, _, _ = socket.recv_fds(call, 1, _OUTPUTS)
    request = json.loads(b"".join(iter(lambda: call.recv(65536), b"")))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["manage.py", *request["arguments"]]
    status = 0
    try:
        runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    call.sendall(str(status).encode())
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
