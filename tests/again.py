"""Running test modules once more, on PostgreSQL: settings are read once in a process."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.processes import ROOT
from tests.services.prepared import MIGRATED

PLUGINS = ("-p", "no:cacheprovider", "-p", "no:xdist")
PATIENCE_SECONDS = 300


def run_on_postgresql(files: Iterable[str], url: str, data_dir: Path) -> None:
    """Run test files, named from the top folder, against the server at `url`; fail as they do."""
    environment = os.environ | {"TEST_DATABASE_URL": url, "TEST_DATA_DIR": str(data_dir)}
    environment["TEST_DATABASE_TEMPLATE"] = MIGRATED
    environment.pop("PYTEST_XDIST_WORKER", None)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *PLUGINS, *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
