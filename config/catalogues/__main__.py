"""`python -m config.catalogues`: update, check or compile the texts in other languages."""

import argparse
import sys

from config.catalogues.files import compile_all
from config.catalogues.keeping import faults, update
from config.options import BASE_DIR


def main(arguments: list[str]) -> int:
    """Do what is asked (by default all three) and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m config.catalogues", description=__doc__)
    parser.add_argument("--update", action="store_true", help="add new texts, drop unused ones")
    parser.add_argument("--check", action="store_true", help="name what is missing or wrong")
    parser.add_argument("--compile", action="store_true", help="make the .mo that Django reads")
    asked = parser.parse_args(arguments)
    everything = not (asked.update or asked.check or asked.compile)
    if asked.update or everything:
        for path in update():
            sys.stdout.write(f"changed {path.relative_to(BASE_DIR)}\n")
    if asked.compile or everything:
        compile_all()
    wrong = sorted(faults()) if asked.check or everything else []
    for line in wrong:
        sys.stdout.write(line + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
