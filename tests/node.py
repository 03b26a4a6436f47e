"""Node, as the project finds it, for programs in JavaScript."""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.embedded.packages import VENV
from config.embedded.page import FRONTEND, NODE_FOLDER
from tests.processes import ROOT

PATIENCE_SECONDS = 60.0


def node() -> str | None:
    """The path of Node; None where there is none, or the page's packages are not installed."""
    folders = [str(folder) for folder in VENV.glob(NODE_FOLDER)]
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    return shutil.which("node", path=path) if (FRONTEND / "node_modules/ws").is_dir() else None


async def run_script(path: Path, *arguments: str, env: Mapping[str, str]) -> Any:
    """Run a script to its end and return what it printed, read as JSON."""
    found = node()
    assert found is not None, "Node is missing"
    process = await asyncio.create_subprocess_exec(
        found,
        str(path),
        *arguments,
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, complaints = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, complaints.decode()[-4000:]
    return json.loads(said)
