"""Nothing is left of turns that have ended; `make leaks` runs ten thousand of them."""

import json
import subprocess
import sys

import pytest

from tests.faults.stage import TRANSPORTS
from tests.processes import ROOT

TURNS = 200


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_connection_task_or_descriptor_is_left(transport: str) -> None:
    arguments = ("--turns", str(TURNS), "--transport", transport)
    run = subprocess.run(
        [sys.executable, "-m", "tests.faults.leaks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    found = json.loads(run.stdout)
    assert sum(found["ends"].values()) == TURNS
    assert {"completed", "interrupted"} <= found["ends"].keys()
