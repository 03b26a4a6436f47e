"""The queries and services again on PostgreSQL, in a run of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.billing.test_on_postgresql import PLUGINS, ROOT, postgresql_url

__all__ = ["postgresql_url"]
AGAIN = ("conversation_list", "message_pages", "conversation_services", "admin", "pages")


@pytest.mark.services
def test_conversations_are_the_same_on_postgresql(
    postgresql_url: str,
    tmp_path: Path,
) -> None:
    environment = os.environ | {"TEST_DATABASE_URL": postgresql_url, "TEST_DATA_DIR": str(tmp_path)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in AGAIN]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *PLUGINS, *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
