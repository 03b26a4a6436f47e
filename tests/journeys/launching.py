"""How Chromium is started: alone, without calls to anybody."""

import os

_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)
# Chromium refuses its sandbox to root, as whom containers often run.
FLAGS = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
