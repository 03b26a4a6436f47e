"""The demo relay as `manage.py demorelay` runs it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes import ROOT
from tests.relay.demo.client import KEY, body, said
from tests.relay.demo.client import chunks as chunks_of

TIMEOUT_SECONDS = 20


@contextmanager
def demorelay(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command on a free port; gives the process and the address it printed."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demorelay", "--port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("demo relay listening on http://127.0.0.1:"), line
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_with_streams_open(number: signal.Signals) -> None:
    with demorelay("--tokens-per-second", "2") as (process, address):
        request = body("a long one")
        with httpx.stream(
            "POST", address + "/chat/completions", json=request, headers=KEY
        ) as response:
            next(response.iter_raw())
            process.send_signal(number)
            assert process.wait(TIMEOUT_SECONDS) == 0


def test_its_options_reach_the_relay(tmp_path: Path) -> None:
    log, ready = tmp_path / "log.jsonl", tmp_path / "ready"
    options = ["--key", "hs_mine", "--faults", "--log", str(log), "--ready-file", str(ready)]
    with demorelay(*options, "--tokens-per-second", "0", "--first-token-seconds", "0") as (
        _,
        address,
    ):
        assert ready.read_text() == address + "\n"
        mine = {"Authorization": "Bearer hs_mine"}
        assert httpx.get(address + "/models", headers=KEY).status_code == 401
        listed = httpx.get(address + "/models", headers=mine).json()["data"]
        assert "fault-reset" in {entry["id"] for entry in listed}
        answer = httpx.post(address + "/chat/completions", json=body(), headers=mine)
        assert "script" in said(chunks_of(answer.content))
        # The line is written as the record ends, just after the last byte.
        httpx.get(address + "/models", headers=mine)
        assert json.loads(log.read_text())["state"] == "completed"


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "manage.py", "demorelay", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in lines[0]


def test_the_demo_relay_imports_no_django() -> None:
    code = "import sys, chat.relay.demo.run; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
