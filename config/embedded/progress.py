"""Steps with their progress on the screen, stamps that remember them, one line when one fails."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMPS_DIR = ROOT / ".stamps"


class StepFailed(Exception):
    """A step of the set-up failed; the message is one line for the person who started it."""

    code = "step_failed"


def say(line: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show `title`, and when it is over how many seconds it took."""
    sys.stdout.write(f"  {title} … ")
    sys.stdout.flush()
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say("failed")
        raise
    say(f"{time.monotonic() - began:.1f} s")


def run(command: Sequence[str], *, what: str, env: Mapping[str, str] | None = None) -> None:
    """Run `command` in the checkout; raise `StepFailed` saying `what` failed, and how.

    The whole output goes to a file next to the stamps; the message carries its last line.
    """
    STAMPS_DIR.mkdir(exist_ok=True)
    log = STAMPS_DIR / (what.replace(" ", "-") + ".log")
    with log.open("wb") as output:
        try:
            status = subprocess.run(
                command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
        except OSError as error:
            raise StepFailed(f"{what} failed: {error}") from None
    if status:
        raise StepFailed(f"{what} failed: {telling_line(log)} (all of it: {log.relative_to(ROOT)})")


def telling_line(log: Path) -> str:
    """Return the line of a log that says most: the first whole sentence of an error, or the end."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and len(line.split()) > 4]
    return [*errors, *lines[-1:], "no output"][0][:300]


def fingerprint(paths: Iterable[Path]) -> str:
    """Hash names and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(os.fsencode(path) + b"\0")
        digest.update(path.read_bytes() if path.is_file() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def stamped(name: str, value: str, folder: Path = STAMPS_DIR) -> bool:
    """Whether the step `name` was last done for `value`."""
    path = folder / name
    return path.is_file() and path.read_text() == value


def stamp(name: str, value: str, folder: Path = STAMPS_DIR) -> None:
    """Remember that the step `name` is done for `value`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(value)
