"""`python -m tests.interoperability.environment`: LiteLLM's proxy in an environment of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT

FOLDER = ROOT / "var" / "interoperability"
REQUIREMENTS = ROOT / "requirements" / "interoperability.txt"
STAMP = FOLDER / "installed"


def program(name: str) -> Path:
    """A program of the environment."""
    return FOLDER / ("Scripts" if sys.platform == "win32" else "bin") / name


def install() -> None:
    """Make the environment and install what is pinned, unless that is done already."""
    wanted = REQUIREMENTS.read_text()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    python = str(program("python"))
    uv = shutil.which("uv")
    if uv:
        make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER)]
        add = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        make = [sys.executable, "-m", "venv", "--clear", str(FOLDER)]
        add = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(make, check=True)
    subprocess.run([*add, "--require-hashes", "-r", str(REQUIREMENTS)], check=True)
    STAMP.write_text(wanted)


if __name__ == "__main__":
    install()
