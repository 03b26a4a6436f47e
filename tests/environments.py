"""Environments of their own, for what only one command needs; pinned in requirements/."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT


def folder_of(name: str) -> Path:
    """Where the environment of that name is."""
    return ROOT / "var" / name


def program_of(name: str, program: str) -> Path:
    """A program of the environment."""
    return folder_of(name) / ("Scripts" if sys.platform == "win32" else "bin") / program


def install(name: str) -> None:
    """Make the environment and install what is pinned, unless that is done already."""
    folder = folder_of(name)
    requirements = ROOT / "requirements" / f"{name}.txt"
    stamp = folder / "installed"
    wanted = requirements.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = str(program_of(name, "python"))
    uv = shutil.which("uv")
    if uv:
        make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
        add = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        make = [sys.executable, "-m", "venv", "--clear", str(folder)]
        add = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(make, check=True)
    subprocess.run([*add, "--require-hashes", "-r", str(requirements)], check=True)
    stamp.write_text(wanted)
