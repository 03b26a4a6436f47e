"""Nothing that was delivered misses after kill -9; `make kills` does it five hundred times."""

import json
import subprocess
import sys

from tests.processes import ROOT

POINTS = 6


def test_no_delivered_character_is_lost_and_every_turn_is_settled_once() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.faults.kills", "--points", str(POINTS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    found = json.loads(run.stdout)
    assert found["characters_missing"] == 0
    assert found["characters_delivered"] > 0
    assert found["recovered"] > 0
