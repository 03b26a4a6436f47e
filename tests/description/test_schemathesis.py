"""Schemathesis asks a real site whatever its description allows, and what it does not: nothing
fails on the server, and every answer is as described."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.servers import TramServer

HERE = Path(__file__).parent
MOST_SECONDS = 540


def ask(site: TramServer, key: str, *options: str) -> str:
    """Run it and return what it said; fails if it found anything."""
    program = Path(sys.executable).with_name("st")
    command = [
        str(program),
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"{site.url}/api/openapi.json",
        f"--header=Authorization: Bearer {key}",
        "--generation-database=none",
        "--continue-on-failure",
        "--no-color",
        *options,
    ]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.description.serializers"}
    env["PYTHONPATH"] = str(ROOT)
    # It leaves a folder where it runs.
    done = subprocess.run(
        command, cwd=site.data_dir, env=env, capture_output=True, text=True, timeout=MOST_SECONDS
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    return done.stdout


def test_what_the_description_allows_does_no_harm(site: TramServer, key: str) -> None:
    said = ask(site, key, "--phases=examples,fuzzing", "--max-examples=2")
    assert "Tested: 27" in said


@pytest.mark.slow
def test_nothing_that_it_thinks_of_does_any_harm(site: TramServer, key: str) -> None:
    ask(site, key, "--phases=examples,coverage,fuzzing,stateful", "--max-examples=40")
