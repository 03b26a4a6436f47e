"""Run a Python program that ends when the process that started it is gone, however it went.

`python -m config.embedded.leash manage.py serve`, or `… -m module`: standard input is a pipe whose
other end the parent holds; the end of that pipe is the parent's death.
"""

import os
import runpy
import signal
import sys
import threading
import time

# For a drain that hangs: then nothing is waited for any longer.
GRACE_SECONDS = 30


def follow_parent() -> None:
    """Wait for the end of standard input, then end this process as SIGTERM would."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    """Take the program from the command line and become it."""
    threading.Thread(target=follow_parent, name="leash", daemon=True).start()
    if sys.argv[1] == "-m":
        sys.argv = sys.argv[2:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = sys.argv[1:]
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
