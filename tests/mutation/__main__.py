"""`make mutate`: put small mistakes into the money's modules, one by one, and run their tests.

mutmut works on links to this checkout in a folder of its own, where it makes its copies. What it
changes and which tests it runs is said in pyproject.toml.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time

from tests.environments import folder_of, install, program_of
from tests.processes import ROOT

NAME = "mutation"
FOLDER = ROOT / "var" / "mutants"
LINKED = (
    "accounts",
    "billing",
    "chat",
    "config",
    "docs",
    "manage.py",
    "pyproject.toml",
    "templates",
    "tests",
)


def prepare() -> None:
    """The environment, which finds the product's packages too, and a folder without old mutants."""
    install(NAME)
    packages = next(folder_of(NAME).glob("**/site-packages"))
    beside = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (packages / "tram.pth").write_text(beside)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name in LINKED:
        (FOLDER / name).symlink_to(ROOT / name)


def run(arguments: list[str], seconds: float) -> bool:
    """Run a program of the environment among the mutants; False if it was not done in time."""
    # The same order of tests, and so the same work, each time.
    env = os.environ | {"PYTHONHASHSEED": "0"}
    child = subprocess.Popen(arguments, cwd=FOLDER, env=env, start_new_session=True)
    try:
        child.wait(seconds)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(child.pid, signal.SIGTERM)
        child.wait()
        return False
    return True


def main() -> int:
    """Run; 1 if too many mutants survived, or not all were tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", nargs="*", help="such as 'billing.holds.*'; all if none")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=90.0, help="no longer than this")
    chosen = parser.parse_args()
    prepare()
    os.nice(10)
    python, mutmut = str(program_of(NAME, "python")), str(program_of(NAME, "mutmut"))
    end = time.monotonic() + chosen.minutes * 60
    making = [mutmut, "run", "--max-children", str(chosen.processes), *chosen.mutants]
    done = run(making, end - time.monotonic())
    if done and not chosen.mutants:
        done = run([python, "-m", "tests.mutation.statements"], end - time.monotonic())
    if not done:
        print(f"\nnot done within {chosen.minutes:g} minutes")
    report = [python, "-m", "tests.mutation.report", *chosen.mutants]
    return max(subprocess.run(report, cwd=FOLDER).returncode, not done)


if __name__ == "__main__":
    sys.exit(main())
