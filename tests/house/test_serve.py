"""`manage.py serve` in a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.processes import ROOT, Child, free_port, wait_for_line
from tests.servers import TramServer, server_environment


@pytest.fixture
def site(tmp_path: Path, server_template: Path) -> TramServer:
    return TramServer(tmp_path / "site", server_template, relay=False)


def serve(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "serve", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_sigterm_ends_the_server_with_status_0(site: TramServer) -> None:
    with site:
        assert httpx.get(site.url + "/static/admin/css/base.css").status_code == 200
        assert site.terminate() == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(site.url)


def test_ctrl_c_twice_ends_the_server_with_status_0(site: TramServer) -> None:
    with site:
        site.signal(signal.SIGINT)
        site.signal(signal.SIGINT)
        assert site.terminate() == 0
        assert "Traceback" not in site.log


@pytest.mark.skipif(sys.platform == "win32" or os.isatty(0), reason="the end of a terminal")
def test_a_signal_for_the_parent_of_workers_does_not_end_the_site(site: TramServer) -> None:
    with site:
        site.signal(signal.SIGHUP)
        wait_for_line(site._child, re.compile("(SIGHUP renews the workers)"))
        assert httpx.get(site.url + "/ready").status_code == 200
        assert site.terminate() == 0


@pytest.mark.slow
def test_a_restarted_server_has_the_same_address(site: TramServer) -> None:
    with site:
        before = site.url
        site.kill()
        site.start()
        assert site.url == before
        assert httpx.get(site.url + "/static/admin/css/base.css").status_code == 200


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        done = serve(server_environment(tmp_path) | {"PORT": port})
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"CommandError: port {port} is taken by another program; choose another with PORT"
    ]


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    done = serve(server_environment(tmp_path), "--port", "70000")
    assert done.returncode == 2
    assert "must be a whole number, 0 to 65535" in done.stderr.splitlines()[-1]


def test_a_database_that_was_not_migrated_is_one_clear_line(tmp_path: Path) -> None:
    done = serve(server_environment(tmp_path) | {"PORT": str(free_port())})
    assert done.returncode == 1
    (said,) = done.stderr.strip().splitlines()
    assert said.endswith("run: manage.py migrate")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = serve(server_environment(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "choose another with DATA_DIR" in done.stderr


def test_a_second_server_on_the_same_data_is_refused_until_the_first_has_died(
    tmp_path: Path, server_template: Path
) -> None:
    with TramServer(tmp_path / "site", server_template, relay=False) as first:
        done = serve(first.env | {"PORT": str(free_port())})
        assert done.returncode == 1
        (said,) = done.stderr.strip().splitlines()
        assert "another Tram already serves" in said
        first.kill()
        first.start()


def test_a_child_that_is_left_behind_is_ended(tmp_path: Path, server_template: Path) -> None:
    with TramServer(tmp_path / "site", server_template, relay=False) as server:
        child: Child = server._child
        assert child.running()
    assert not child.running()
