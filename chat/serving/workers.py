"""One worker process, as its parent and as it itself sees it, and the line between the two.

The line is a pair of sockets: the worker says on it that it serves, and its end is the parent's
death, however that came.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

READY = b"ready\n"


class ThisProcess:
    """What this process is."""

    worker: int | None = None
    """Its number, where it is a worker."""


class Worker:
    """A worker as its parent sees it. Times are `time.monotonic`, in seconds."""

    def __init__(self, slot: int, command: Sequence[str], descriptors: Sequence[int]) -> None:
        """Start it. `slot` is its number, from 1; it inherits the descriptors under the same
        numbers, and the one of its line is added to the command."""
        self.slot = slot
        self.serves = False
        self.served_at = float("inf")
        self.leaving = False
        self.line, its_end = socket.socketpair()
        self.line.setblocking(False)
        line_number = its_end.fileno()
        try:
            self._process = subprocess.Popen(  # noqa: S603  (itself, with its own arguments)
                [sys.executable, *command, f"--worker={slot}:{line_number}"],
                pass_fds=[*descriptors, line_number],
                # Ctrl-C goes to the parent alone, which passes it on once.
                start_new_session=True,
            )
        finally:
            its_end.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        return self._process.poll()

    def hear(self) -> bool:
        """Read what it said on its line; false at the line's end, when nothing more comes."""
        try:
            said = self.line.recv(64)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if READY in said and not self.serves:
            self.serves, self.served_at = True, time.monotonic()
        return bool(said)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end; the first time it drains, the second time it ends at once."""
        self.leaving = True
        if self.status is None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Give its line back, once it has ended."""
        self.line.close()


class ParentLine:
    """A worker's end of the line."""

    def __init__(self, descriptor: int, grace_seconds: float) -> None:
        """`grace_seconds`: after the parent's death nothing is waited for any longer than this."""
        self._line = socket.socket(fileno=descriptor)
        self._grace_seconds = grace_seconds

    def follow(self, end: Callable[[], None]) -> None:
        """Call `end`, in a thread, when the parent is gone."""
        threading.Thread(target=self._wait, args=(end,), name="leash", daemon=True).start()

    def say_ready(self) -> None:
        """Tell the parent that this worker serves."""
        try:
            self._line.send(READY)
        except OSError:
            # It is gone, and the thread ends this process.
            return

    def _wait(self, end: Callable[[], None]) -> None:
        try:
            while self._line.recv(64):
                pass
        except OSError:
            pass
        end()
        time.sleep(self._grace_seconds)
        os._exit(1)
