"""Admission, ends and recovery again on PostgreSQL, in a run of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.billing.test_on_postgresql import PLUGINS, ROOT, postgresql_url

__all__ = ["postgresql_url"]
AGAIN = (
    "tests/chat/test_admission.py",
    "tests/turns/test_recovery.py",
    "tests/turns/test_races.py",
    "tests/turns/test_store.py",
)


@pytest.mark.services
def test_turns_are_the_same_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    environment = os.environ | {"TEST_DATABASE_URL": postgresql_url, "TEST_DATA_DIR": str(tmp_path)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *PLUGINS, *AGAIN],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
