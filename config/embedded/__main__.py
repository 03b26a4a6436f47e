"""`python3 -m config.embedded up`, or `install` with the names of package sets."""

import argparse
import sys

from config.embedded.packages import ensure_sets
from config.embedded.page import build_page, run_npm
from config.embedded.progress import StepFailed, say
from config.embedded.up import up

SETS = ("run", "dev", "model", "node")


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m config.embedded", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("up", help="set up what is missing and run the site")
    actions.add_parser("page", help="build the browser's code")
    npm = actions.add_parser("npm", help="run npm in frontend/")
    npm.add_argument("arguments", nargs=argparse.REMAINDER)
    install = actions.add_parser("install", help="install sets of packages into .venv")
    install.add_argument("sets", nargs="+", choices=SETS)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.action == "up":
            return up()
        if chosen.action == "install":
            ensure_sets(*chosen.sets)
        elif chosen.action == "npm":
            return run_npm(chosen.arguments)
        else:
            ensure_sets("run")
            build_page()
    except StepFailed as failure:
        say(f"tram: {failure}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
